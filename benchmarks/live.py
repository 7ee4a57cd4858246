"""Latency and CPU time over the whole local path, beside the limit of this machine.

    python -m benchmarks.live --listeners 500 --seconds 20 --chunk-ms 200

The path: speaker, gateway, functions, DynamoDB, fan-out, listeners. All processes share the
machine's cores. Latency is receipt - capture - chunk duration; a chunk is late if it arrives after
a fixed playout delay. The same deliveries through `benchmarks.bare`, the smallest gateway and
sender, follow in the same run. The last line is a JSON object; every audience has one.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.bare import bare
from benchmarks.cpu_time import ROLES, read_cpu
from benchmarks.crowd import CrowdProcess, crowd_process
from benchmarks.figures import log, microseconds_each
from benchmarks.limit_search import StreamOptions, add_options, measure_all, stream_options
from benchmarks.speaker import create_session, speak, speaker_token
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

#: Ratios of CPU time a delivery, ours to bare, and the roles that each compares.
RATIOS = {
    "cpu_ratio": ("gateway", "functions"),
    "cpu_ratio_with_database": ("gateway", "functions", "database"),
    "cpu_ratio_with_clients": ROLES,
}
# The stack is idle when its processes use less than this share of a core; joins and disconnects
# leave work behind.
_IDLE_CORES = 0.1
_IDLE_INTERVAL_SECONDS = 0.5
_SETTLING_SECONDS = 60.0


class Live:
    """A session on a running stack, with its speaker and a crowd."""

    def __init__(
        self,
        endpoints: Endpoints,
        speaker: ClientConnection,
        session_id: str,
        crowd: CrowdProcess,
    ) -> None:
        self._endpoints = endpoints
        self._speaker = speaker
        self._join = {"sessionId": session_id, "targetLanguage": "en"}
        self._crowd = crowd
        self._listeners = 0
        self._next_seq = 0

    async def measure(self, listeners: int, options: StreamOptions) -> dict[str, Any]:
        """Stream to `listeners`; returns latency, requests and CPU time by role.

        Raises RuntimeError, TimeoutError.
        """
        log(f"{listeners} listeners join")
        joining = max(0, listeners - self._listeners)
        seconds = await self._crowd.resize(self._endpoints.websocket_url, self._join, listeners)
        self._listeners = listeners
        await _settle()
        log(f"joined in {seconds:.1f} s; {options.chunks} chunks of {options.chunk_ms} ms follow")
        first_seq, self._next_seq = self._next_seq, self._next_seq + options.chunks
        await self._crowd.start(options.chunks, options.chunk_ms, first_seq)
        before = read_cpu()
        last, requests = await speak(
            self._speaker, options.chunks, options.chunk_ms, self._endpoints, first_seq
        )
        await self._crowd.wait(options.drain_seconds)
        after = read_cpu()
        figures = await self._crowd.figures(options.playout_ms)
        return {
            "listeners": listeners,
            **figures,
            "last_chunk_intact": _carry(await self._crowd.samples(), last),
            "dynamodb_requests_per_chunk": round(requests, 2),
            "joins_per_s": round(joining / seconds, 1) if joining else None,
            "cpu_us": microseconds_each(after.spent_since(before), figures["delivered"]),
            "cores_elsewhere": after.cores_elsewhere_since(before),
        }


@asynccontextmanager
async def live(endpoints: Endpoints, crowd: CrowdProcess, chunk_ms: int) -> AsyncIterator[Live]:
    """Open a session until the block ends."""
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        yield Live(endpoints, speaker, await create_session(speaker, chunk_ms), crowd)
        await crowd.close()


def cpu_ratios(ours: Mapping[str, float], bare: Mapping[str, float]) -> dict[str, float]:
    """Ratios of the CPU times a delivery by role."""
    return {
        name: round(sum(ours[role] for role in roles) / sum(bare[role] for role in roles), 2)
        for name, roles in RATIOS.items()
    }


def _carry(messages: list[str], chunk: bytes) -> bool:
    """Whether all messages are one, with this chunk."""
    return len(messages) == 1 and base64.b64decode(json.loads(messages[0])["audio"]) == chunk


async def _settle() -> None:
    """Wait until the processes are idle. Raises TimeoutError."""
    async with asyncio.timeout(_SETTLING_SECONDS):
        before = read_cpu()
        while True:
            await asyncio.sleep(_IDLE_INTERVAL_SECONDS)
            after = read_cpu()
            if sum(after.spent_since(before).values()) / (after.at - before.at) < _IDLE_CORES:
                return
            before = after


async def run(options: argparse.Namespace, stream: StreamOptions) -> list[dict[str, Any]]:
    """Measure a stack, then the bare gateway with as many listeners."""
    async with crowd_process() as crowd:
        log("starting the local stack (signatures of @connections are not verified under load)")
        with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
            async with live(endpoints, crowd, stream.chunk_ms) as session:
                results = await measure_all(session.measure, options, stream)
        if options.bare:
            log("the same deliveries through the smallest gateway and sender")
            async with bare(crowd) as running:
                for result in results:
                    if listeners := result.get("listeners"):
                        result["bare"] = await running.measure(listeners, stream)
                        result.update(cpu_ratios(result["cpu_us"], result["bare"]["cpu_us"]))
    common = {"seconds": stream.seconds, "chunk_ms": stream.chunk_ms}
    return [{**common, **result} for result in results]


def report(result: dict[str, Any]) -> None:
    """Print a table of both measurements."""
    rows = {"live": result, **({"bare": result["bare"]} if "bare" in result else {})}
    log(f"\n{result['listeners']} listeners")
    log(f"{'':6}{'p50 ms':>9}{'p99 ms':>9}{'missing':>9}{'elsewhere':>11}   CPU µs a delivery:")
    for name, row in rows.items():
        figures = f"{row['p50_ms']:9}{row['p99_ms']:9}{row['missing']:9}{row['cores_elsewhere']:11}"
        log(f"{name:6}{figures}   " + ", ".join(f"{k} {v}" for k, v in row["cpu_us"].items()))
    if "bare" in result:
        log(", ".join(f"{name} {result[name]}" for name in RATIOS) + "\n")


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="CPU time is that of the streaming alone, in µs a delivery. cpu_ratio compares what"
        " the deliveries cost on their path but for the clients, which are the same code in both:"
        " gateway and functions of the stack to gateway and sender of the bare measurement."
        " cpu_ratio_with_database adds the database, cpu_ratio_with_clients everything else too.",
    )
    add_options(parser)
    parser.add_argument(
        "--no-bare", dest="bare", action="store_false", help="leave out the bare measurement"
    )
    options = parser.parse_args()
    for result in uvloop.run(run(options, stream_options(options))):
        if "cpu_us" in result:
            report(result)
        print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
