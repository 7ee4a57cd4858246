"""Options of a stream to an audience, and the search for the largest audience."""

from __future__ import annotations

import argparse
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import log
from local.base import processes

#: Largest audience that a benchmark opens.
MOST_LISTENERS = 8_000
#: Largest p99 of an audience within the limit (ms).
MOST_P99_MS = 500
#: Measurements of a search at most.
MOST_STEPS = 7
#: The limit is found to this many listeners.
RESOLUTION = 250
# Files of a process besides a connection for each listener.
_OTHER_FILES = 200

Measurement = dict[str, Any]


@dataclass(frozen=True)
class StreamOptions:
    """A stream: its length, its chunks, and the latency from which a chunk is late (ms)."""

    seconds: int
    chunk_ms: int
    playout_ms: int
    #: How long to wait for missing chunks after the stream (s).
    drain_seconds: float = 5.0

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return self.seconds * 1000 // self.chunk_ms


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a stream and of a search."""
    parser.add_argument(
        "--listeners",
        type=int,
        nargs="+",
        default=[500],
        help=f"1 to {MOST_LISTENERS}; several audiences are measured one after the other",
    )
    parser.add_argument("--seconds", type=int, default=20, help="seconds of audio (3 to 300)")
    parser.add_argument("--chunk-ms", type=int, default=200, help="100 to 750")
    parser.add_argument(
        "--playout-ms", type=int, default=400, help="latency from which a chunk is late"
    )
    parser.add_argument(
        "--find-limit",
        action="store_true",
        help="search for the largest audience with nothing missing and a p99 of at most"
        f" {MOST_P99_MS} ms, starting with the last of --listeners: at most {MOST_STEPS}"
        f" measurements of --seconds, up to {MOST_LISTENERS} listeners, to within {RESOLUTION}",
    )


def stream_options(options: argparse.Namespace) -> StreamOptions:
    """Check the options of a stream. Raises SystemExit."""
    largest = max(options.listeners)
    if not (min(options.listeners) >= 1 and largest <= MOST_LISTENERS):
        raise SystemExit(f"use 1 to {MOST_LISTENERS} --listeners")
    if not 3 <= options.seconds <= 300:
        raise SystemExit("use 3 to 300 --seconds")
    if not 100 <= options.chunk_ms <= 750:
        raise SystemExit("use 100 to 750 --chunk-ms")
    processes.raise_open_files_limit()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES
    needed = MOST_LISTENERS if options.find_limit else largest
    if most < needed:
        raise SystemExit(f"{needed} listeners need more open files; raise the limit (ulimit -Hn)")
    return StreamOptions(options.seconds, options.chunk_ms, options.playout_ms)


async def measure_all(
    measure: Callable[[int, StreamOptions], Awaitable[Measurement]],
    options: argparse.Namespace,
    stream: StreamOptions,
) -> list[Measurement]:
    """Measure all audiences that the options name, or find the limit."""

    async def measure_one(count: int) -> Measurement:
        measured = await measure(count, stream)
        log(
            f"{count} listeners: {measured['missing']} missing, p99 {measured['p99_ms']} ms,"
            f" {measured['cores_elsewhere']} cores elsewhere"
        )
        return measured

    if options.find_limit:
        return [await find_limit(measure_one, options.listeners[-1])]
    return [await measure_one(count) for count in options.listeners]


def within_limit(measured: Measurement) -> bool:
    """Whether nothing was missing and p99 was small enough."""
    return bool(measured["missing"] == 0 and measured["p99_ms"] <= MOST_P99_MS)


async def find_limit(measure: Callable[[int], Awaitable[Measurement]], start: int) -> Measurement:
    """Search for the largest audience within the limit by bisection, from `start`.

    Returns the largest measured one within the limit, with `limit_listeners` (0 if there is none)
    and `limit_steps`.
    """
    best: Measurement = {}
    below, above = 0, MOST_LISTENERS + RESOLUTION
    steps: list[Measurement] = []
    count = start
    while len(steps) < MOST_STEPS and below < count < above:
        measured = await measure(count)
        steps.append({name: measured[name] for name in ("listeners", "missing", "p99_ms")})
        if within_limit(measured):
            below, best = count, measured
        else:
            above = count
        count = _between(below, above)
    return {**best, "limit_listeners": below, "limit_steps": steps}


def _between(below: int, above: int) -> int:
    """The next audience: a multiple of the resolution, half-way; `below` if there is none."""
    return max(below, (below + above) // 2 // RESOLUTION * RESOLUTION)
