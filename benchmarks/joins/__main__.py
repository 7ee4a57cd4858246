"""Joins over the whole local stack: handshake, authorizer, $connect and joinSession.

    python -m benchmarks.joins --listeners 2000 --seconds 10

`--seconds 0` joins as fast as possible, `--in-flight` at a time. `--speak` also streams audio to
listeners who joined earlier. Stack and clients share the machine's cores. The last line is a JSON
object.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.cpu_time import command_line, descendants, own_cpu_seconds
from benchmarks.figures import log, percentile
from benchmarks.frame_listener import FrameListener
from benchmarks.speaker import chunk_of, create_session, speaker_token
from benchmarks.status import Database
from client.connection.backoff import MAX_ASKED_RETRIES, asked_delay
from client.errors import RequestRefusedError
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.protocol.messages import ErrorMessage
from shared.utils.standard_streams import standard_streams

CHUNK_MS = 200
# Joins before the measurement: workers start, caches fill.
WARM_UP = 200
WARM_UP_AT_ONCE = 32
_HANDLER = re.compile(r"lambda\.(\w+)\.handler")


@dataclass
class Joins:
    """Outcomes of joins; `refused` are those that were asked to return later."""

    listeners: list[FrameListener] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    refused: int = 0


class Heard:
    """Chunks received, by listener and number, with their latency (ms)."""

    def __init__(self) -> None:
        self._latencies_ms: dict[tuple[int, int], float] = {}

    def add(self, listener: int, seq: int, timestamp: int, received_at: float) -> None:
        """Count a chunk; a duplicate does not count."""
        self._latencies_ms.setdefault((listener, seq), received_at - timestamp - CHUNK_MS)

    def figures(self, expected: int) -> dict[str, Any]:
        """Missing chunks and latency, if each listener should have heard every chunk."""
        latencies = list(self._latencies_ms.values())
        return {
            "chunks_expected": expected,
            "chunks_missing": expected - len(latencies),
            "audio_p50_ms": round(percentile(latencies, 0.5), 1),
            "audio_p99_ms": round(percentile(latencies, 0.99), 1),
            "audio_max_ms": round(max(latencies, default=float("nan")), 1),
        }


async def join(endpoints: Endpoints, session_id: str, joins: Joins, heard: Heard) -> None:
    """Open one more listener of the floor; like the clients, return when asked to."""
    number = len(joins.listeners)
    started_at = time.perf_counter()
    for attempt in range(MAX_ASKED_RETRIES + 1):
        listener = FrameListener(
            endpoints.websocket_url,
            {"sessionId": session_id, "targetLanguage": "en"},
            lambda seq, timestamp, received_at: heard.add(number, seq, timestamp, received_at),
        )
        try:
            await listener.open()
        except (OSError, TimeoutError) as error:
            listener.close()
            delay = asked_seconds(str(error))
            if delay is None or attempt == MAX_ASKED_RETRIES:
                joins.failures[str(error)[:200] or type(error).__name__] += 1
                return
            joins.refused += 1
            await asyncio.sleep(delay)
        else:
            break
    joins.durations_ms.append((time.perf_counter() - started_at) * 1_000)
    joins.listeners.append(listener)


def asked_seconds(error: str) -> float | None:
    """A random time around the one that an error message asks to wait; None if it does not."""
    try:
        message = msgspec.json.decode(error, type=ErrorMessage)
    except msgspec.DecodeError:
        return None
    return asked_delay(RequestRefusedError.from_message(message), random.random)


async def join_many(
    endpoints: Endpoints, session_id: str, count: int, *, seconds: float, in_flight: int
) -> Joins:
    """Join `count` listeners: evenly over `seconds`, or `in_flight` at a time if that is 0."""
    joins, nobody = Joins(), Heard()
    gate = asyncio.Semaphore(count if seconds else in_flight)
    start = time.monotonic()

    async def join_one(number: int) -> None:
        async with gate:
            await asyncio.sleep(start + number * seconds / count - time.monotonic())
            await join(endpoints, session_id, joins, nobody)

    await asyncio.gather(*map(join_one, range(count)))
    return joins


async def stream(speaker: ClientConnection, stop: asyncio.Event) -> int:
    """Stream in real time until `stop` is set; return the number of chunks."""
    start = time.time()
    for seq in itertools.count():
        captured_at = start + seq * CHUNK_MS / 1_000
        await asyncio.sleep(captured_at + CHUNK_MS / 1_000 - time.time())
        if stop.is_set():
            return seq
        chunk = {
            "action": "sendAudio",
            "seq": seq,
            "timestamp": round(captured_at * 1_000),
            "audio": base64.b64encode(chunk_of(seq, CHUNK_MS)).decode(),
        }
        await speaker.send(json.dumps(chunk))
    raise AssertionError("unreachable")


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the joins of one session."""
    database = Database.of(endpoints)
    early, heard, stop = Joins(), Heard(), asyncio.Event()
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        session_id = await create_session(speaker, CHUNK_MS)
        for _ in range(options.speak):
            await join(endpoints, session_id, early, heard)
        log(f"{WARM_UP} joins to warm up")
        warm = await join_many(endpoints, session_id, WARM_UP, seconds=0, in_flight=WARM_UP_AT_ONCE)
        streaming = asyncio.ensure_future(stream(speaker, stop)) if early.listeners else None
        await asyncio.sleep(1)
        log(f"{options.listeners} listeners join {session_id}")
        requests, cpu = Counter(database.requests()), cpu_by_process()
        started_at = time.monotonic()
        joins = await join_many(
            endpoints,
            session_id,
            options.listeners,
            seconds=options.seconds,
            in_flight=options.in_flight,
        )
        joining_s = time.monotonic() - started_at
        made = Counter(database.requests()) - requests
        spent = cpu_by_process() - cpu
        joined = len(joins.listeners)
        result = {
            "listeners": options.listeners,
            "seconds": options.seconds,
            "joined": joined,
            "refused": joins.refused,
            "failures": dict(joins.failures),
            "joining_s": round(joining_s, 2),
            "joins_per_s": round(joined / joining_s, 1),
            "p50_ms": round(percentile(joins.durations_ms, 0.5), 1),
            "p99_ms": round(percentile(joins.durations_ms, 0.99), 1),
            "requests_a_join": each(made, options.listeners),
            "cpu_ms_a_join": each(spent, options.listeners * 1_000),
        }
        if streaming is not None:
            await asyncio.sleep(1)
            stop.set()
            chunks = await streaming
            await asyncio.sleep(1)
            result |= heard.figures(chunks * len(early.listeners))
        row = await asyncio.to_thread(database.session, session_id)
        listeners = [*early.listeners, *warm.listeners, *joins.listeners]
        result |= {"counted": int(row["listenerCount"]["N"]), "seated": len(listeners)}
        for listener in listeners:
            listener.close()
    return result


def each(values: Mapping[str, int], joins: int) -> dict[str, float]:
    """Each value and their sum, for one join."""
    found = {name: round(value / joins, 2) for name, value in sorted(values.items())}
    return found | {"total": round(sum(values.values()) / joins, 2)}


def cpu_by_process() -> Counter[str]:
    """CPU time so far (µs) of each function, the database, the gateway and the clients."""
    spent: Counter[str] = Counter()
    for pid in {os.getpid()} | descendants(os.getpid()):
        command = command_line(pid)
        function = _HANDLER.search(command)
        if function is not None:
            name = function[1]
        elif "dynalite" in command:
            name = "dynalite"
        else:
            name = "clients" if pid == os.getpid() else "gateway"
        spent[name] += round(own_cpu_seconds(pid) * 1_000_000)
    return spent


def main() -> None:
    """Start a stack, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listeners", type=int, default=2_000)
    parser.add_argument(
        "--seconds", type=float, default=10, help="time over which they connect; 0: no pauses"
    )
    parser.add_argument("--in-flight", type=int, default=64, help="joins at a time without pauses")
    parser.add_argument(
        "--speak", type=int, nargs="?", const=50, default=0, help="listeners who hear a speaker"
    )
    options = parser.parse_args()
    if not (1 <= options.listeners <= 5_000 and 0 <= options.seconds <= 120):
        parser.error("use 1 to 5000 --listeners and 0 to 120 --seconds")
    log("starting the local stack (signatures are not verified under load)")
    with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure(endpoints, options))
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
