"""Joins over the whole local stack: handshake, authorizer, $connect and joinSession.

    python -m benchmarks.joins --listeners 2000 --seconds 10

`--seconds 0` joins as fast as possible, `--in-flight` at a time. `--speak` also streams audio to
listeners who joined earlier. Stack and clients share the machine's cores. The last line is a JSON
object.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.cpu_time import children, command_line, cpu_seconds, descendants
from benchmarks.figures import percentile
from benchmarks.frame_listener import FrameListener
from benchmarks.live import Tally, chunk_of, log, speaker_token
from benchmarks.status import Database, create_session
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

CHUNK_MS = 200
# Joins before the measurement: workers start, caches fill.
WARM_UP = 200
_HANDLER = re.compile(r"lambda\.(\w+)\.handler")


@dataclass
class Joins:
    """Outcomes of joins."""

    durations_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


async def join(
    endpoints: Endpoints, session_id: str, joins: Joins, number: int = 0, tally: Tally | None = None
) -> FrameListener | None:
    """Open a listener of the floor; None if it fails."""

    def on_chunk(seq: int, timestamp: int, received_at: float) -> None:
        if tally is not None:
            tally.add(number, seq, received_at - timestamp - CHUNK_MS)

    request = {"sessionId": session_id, "targetLanguage": "en"}
    listener = FrameListener(endpoints.websocket_url, request, on_chunk)
    started_at = time.perf_counter()
    try:
        await listener.open()
    except (OSError, TimeoutError) as error:
        joins.failures[str(error)[:200] or type(error).__name__] += 1
        return None
    joins.durations_ms.append((time.perf_counter() - started_at) * 1_000)
    return listener


async def join_many(
    endpoints: Endpoints, session_id: str, count: int, *, seconds: float, in_flight: int
) -> tuple[Joins, list[FrameListener]]:
    """Join `count` listeners: evenly over `seconds`, or `in_flight` at a time if that is 0."""
    joins = Joins()
    gate = asyncio.Semaphore(count if seconds else in_flight)
    start = time.monotonic()

    async def join_one(number: int) -> FrameListener | None:
        async with gate:
            await asyncio.sleep(start + number * seconds / count - time.monotonic())
            return await join(endpoints, session_id, joins)

    found = await asyncio.gather(*map(join_one, range(count)))
    return joins, [listener for listener in found if listener is not None]


async def stream(speaker: ClientConnection, stop: asyncio.Event) -> int:
    """Stream in real time until `stop` is set; return the number of chunks."""
    start = time.time()
    for seq in itertools.count():
        captured_at = start + seq * CHUNK_MS / 1_000
        await asyncio.sleep(captured_at + CHUNK_MS / 1_000 - time.time())
        if stop.is_set():
            return seq
        await speaker.send(chunk_of(seq, CHUNK_MS, captured_at)[1])
    raise AssertionError


async def measure(endpoints: Endpoints, stack: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the joins of one session."""
    database = Database.of(endpoints)
    tally, stop = Tally(), asyncio.Event()
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        session_id = await create_session(speaker)
        listening, streaming = [], None
        if options.speak:
            early = Joins()
            listening = [
                await join(endpoints, session_id, early, number, tally)
                for number in range(options.speak)
            ]
            streaming = asyncio.ensure_future(stream(speaker, stop))
        log(f"{WARM_UP} joins to warm up")
        _, warm = await join_many(endpoints, session_id, WARM_UP, seconds=0, in_flight=32)
        await asyncio.sleep(1)
        requests, cpu = database.requests(), cpu_by_process(stack)
        log(f"{options.listeners} listeners join {session_id}")
        started_at = time.monotonic()
        joins, listeners = await join_many(
            endpoints,
            session_id,
            options.listeners,
            seconds=options.seconds,
            in_flight=options.in_flight,
        )
        joining_s = time.monotonic() - started_at
        spent = {name: value - cpu.get(name, 0) for name, value in cpu_by_process(stack).items()}
        made = Counter(database.requests())
        made.subtract(requests)
        result = {
            "listeners": options.listeners,
            "seconds": options.seconds,
            "joined": len(listeners),
            "failures": dict(joins.failures),
            "joining_s": round(joining_s, 2),
            "joins_per_s": round(len(listeners) / joining_s, 1),
            "p50_ms": round(percentile(joins.durations_ms, 0.5), 1),
            "p99_ms": round(percentile(joins.durations_ms, 0.99), 1),
            "requests_a_join": per_join(made, options.listeners, 1),
            "cpu_ms_a_join": per_join(spent, options.listeners, 1_000),
        }
        if streaming is not None:
            await asyncio.sleep(1)
            stop.set()
            expected = await streaming * len(listening)
            await asyncio.sleep(1)
            result |= {
                "chunks_expected": expected,
                "chunks_missing": expected - len(tally.received),
                "audio_p50_ms": tally.percentile(0.5),
                "audio_p99_ms": tally.percentile(0.99),
                "audio_max_ms": round(max(tally.latencies_ms, default=float("nan")), 1),
            }
        row = await asyncio.to_thread(database.session, session_id)
        result["counted"] = int(row["listenerCount"]["N"])
        result["seated"] = len(listeners) + len(warm) + len(listening)
        for listener in (*listeners, *warm, *filter(None, listening)):
            listener.close()
    return result


def per_join(values: dict[str, Any] | Counter[str], joins: int, scale: float) -> dict[str, float]:
    """Each value and their sum, for one join."""
    each = {name: round(value * scale / joins, 2) for name, value in values.items() if value}
    return dict(sorted(each.items())) | {"total": round(sum(values.values()) * scale / joins, 2)}


def cpu_by_process(stack: int) -> dict[str, float]:
    """CPU seconds so far of each function, the database, the gateway and this process."""
    spent: Counter[str] = Counter()
    for pid in descendants(stack):
        command = command_line(pid)
        function = _HANDLER.search(command)
        if function is not None:
            spent[function[1]] += cpu_seconds(pid)
        elif "dynalite" in command:
            spent["dynalite"] += cpu_seconds(pid)
    spent["gateway"] = cpu_seconds(stack) - sum(spent.values())
    times = os.times()
    spent["clients"] = times.user + times.system
    return dict(spent)


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
    before = children(os.getpid())
    log("starting the local stack (signatures are not verified under load)")
    with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
        (stack,) = children(os.getpid()) - before
        result = uvloop.run(measure(endpoints, stack, options))
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
