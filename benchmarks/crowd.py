"""Listeners that count frames, and a process of their own for them.

In a process of their own, listeners share no interpreter with what is measured, and their CPU time
can be told apart. `crowd_process` starts `python -m benchmarks.crowd`, which answers each line of
JSON on its standard input with one on its standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from benchmarks.figures import percentile
from benchmarks.frame_listener import FrameListener
from local.base import processes

JOINS_AT_ONCE = 32
# Pause after as many departures (s). API Gateway does not repeat a $disconnect that finds the queue
# of the function full, so that a sudden exodus leaves rows behind for the next chunks to remove.
_LEAVING_PAUSE_SECONDS = 0.15
#: Listeners whose last message is compared with the last chunk.
SAMPLES = 10
# Answers carry samples of up to a chunk each.
_MAX_LINE_BYTES = 2 * 1024 * 1024
_JOINING_SECONDS = 200.0
_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Tally:
    """Chunks `first_seq` … `first_seq + chunks - 1` as received by all listeners."""

    def __init__(self, listeners: int, chunks: int, chunk_ms: int, first_seq: int = 0) -> None:
        self.latencies_ms = array("d")
        self.duplicates = 0
        self._chunks = chunks
        self._chunk_ms = chunk_ms
        self._first_seq = first_seq
        self._seen = bytearray(listeners * chunks)

    @property
    def expected(self) -> int:
        """Deliveries if nothing is missing."""
        return len(self._seen)

    @property
    def delivered(self) -> int:
        """Deliveries so far, without duplicates."""
        return len(self.latencies_ms)

    def add(self, listener: int, seq: int, timestamp: int, received_at: float) -> None:
        """Count a chunk of a listener, unless it belongs to an earlier measurement."""
        index = seq - self._first_seq
        if not 0 <= index < self._chunks:
            return
        position = listener * self._chunks + index
        if self._seen[position]:
            self.duplicates += 1
            return
        self._seen[position] = 1
        self.latencies_ms.append(received_at - timestamp - self._chunk_ms)

    def figures(self, playout_ms: float) -> dict[str, Any]:
        """Deliveries and their latency (ms); chunks are late from `playout_ms` on."""
        latencies = sorted(self.latencies_ms)
        return {
            "expected": self.expected,
            "delivered": self.delivered,
            "missing": self.expected - self.delivered,
            "late": sum(1 for latency in latencies if latency > playout_ms),
            "duplicates": self.duplicates,
            **{
                f"p{share}_ms": round(percentile(latencies, share / 100), 1)
                for share in (50, 95, 99)
            },
            "max_ms": round(latencies[-1], 1) if latencies else float("nan"),
        }


class Crowd:
    """Listeners of one session."""

    def __init__(self) -> None:
        self.tally = Tally(0, 0, 0)
        self._listeners: list[FrameListener] = []

    async def resize(self, url: str, join: Mapping[str, str], count: int) -> None:
        """Join a few at a time, or leave without a word, until there are `count` listeners.

        Raises ConnectionError, TimeoutError.
        """
        while len(self._listeners) > count:
            for listener in self._listeners[max(count, len(self._listeners) - JOINS_AT_ONCE) :]:
                listener.close()
                self._listeners.pop()
            await asyncio.sleep(_LEAVING_PAUSE_SECONDS)
        gate = asyncio.Semaphore(JOINS_AT_ONCE)

        async def open_one(number: int) -> FrameListener:
            def on_chunk(seq: int, timestamp: int, received_at: float) -> None:
                self.tally.add(number, seq, timestamp, received_at)

            async with gate:
                listener = FrameListener(url, join, on_chunk)
                await listener.open()
                return listener

        numbers = range(len(self._listeners), count)
        self._listeners += await asyncio.gather(*map(open_one, numbers))

    def start(self, chunks: int, chunk_ms: int, first_seq: int = 0) -> None:
        """Start a new tally."""
        self.tally = Tally(len(self._listeners), chunks, chunk_ms, first_seq)

    async def wait(self, seconds: float) -> None:
        """Wait until nothing is missing, at most `seconds`."""
        deadline = time.monotonic() + seconds
        # An event per chunk would distort the measurement.
        while self.tally.delivered < self.tally.expected and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def samples(self) -> list[str]:
        """Different last messages of a few listeners; one if all is well."""
        found = {listener.sample or b"" for listener in self._listeners[:SAMPLES]}
        return sorted(sample.decode() for sample in found)

    def close(self) -> None:
        """Close all connections."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


class CrowdProcess:
    """A crowd in another process. Its methods raise RuntimeError if a listener fails."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def resize(self, url: str, join: Mapping[str, str], count: int) -> float:
        """See `Crowd.resize`; returns the seconds taken."""
        started_at = time.monotonic()
        await self._ask(_JOINING_SECONDS, do="resize", url=url, join=dict(join), count=count)
        return time.monotonic() - started_at

    async def start(self, chunks: int, chunk_ms: int, first_seq: int = 0) -> None:
        """See `Crowd.start`."""
        await self._ask(do="start", chunks=chunks, chunk_ms=chunk_ms, first_seq=first_seq)

    async def wait(self, seconds: float) -> None:
        """See `Crowd.wait`."""
        await self._ask(seconds + _ANSWER_SECONDS, do="wait", seconds=seconds)

    async def figures(self, playout_ms: float) -> dict[str, Any]:
        """See `Tally.figures`."""
        answer = await self._ask(do="figures", playout_ms=playout_ms)
        figures: dict[str, Any] = answer["figures"]
        return figures

    async def samples(self) -> list[str]:
        """See `Crowd.samples`."""
        answer = await self._ask(do="samples")
        samples: list[str] = answer["samples"]
        return samples

    async def close(self) -> None:
        """See `Crowd.close`."""
        await self._ask(do="close")

    async def _ask(self, limit: float = _ANSWER_SECONDS, **request: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(limit):
            line = await self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the listeners have ended"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


@asynccontextmanager
async def crowd_process() -> AsyncIterator[CrowdProcess]:
    """Run a process for listeners until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.crowd"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_LINE_BYTES,
    )
    try:
        yield CrowdProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # ends it
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answer(crowd: Crowd, request: dict[str, Any]) -> dict[str, Any]:
    match request.pop("do"):
        case "resize":
            await crowd.resize(**request)
        case "start":
            crowd.start(**request)
        case "wait":
            await crowd.wait(**request)
        case "figures":
            return {"figures": crowd.tally.figures(**request)}
        case "close":
            crowd.close()
        case "samples":
            return {"samples": crowd.samples()}
    return {}


async def _serve() -> None:
    crowd, loop = Crowd(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = await _answer(crowd, json.loads(line))
        except (OSError, TimeoutError) as error:
            answer = {"error": f"a listener failed: {error!r}"}
        print(json.dumps(answer), flush=True)
    crowd.close()


if __name__ == "__main__":
    processes.prepare_for_connections()
    uvloop.run(_serve())
