"""The limit of this machine for the deliveries of `benchmarks.live`.

    python -m benchmarks.bare --listeners 1000 --seconds 15 --chunk-ms 200

The smallest gateway (WebSockets and a small HTTP protocol, `bare_gateway`), the smallest sender
(libcurl, `bare_sender`) and the same listeners as `benchmarks.live`, each in its own process. There
is no database and no signature, and nobody joins, authorizes, counts, retries or drops. The last
line is a JSON object; every audience has one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from benchmarks.cpu_time import read_cpu
from benchmarks.crowd import CrowdProcess, crowd_process
from benchmarks.figures import microseconds_each
from benchmarks.limit_search import StreamOptions, add_options, measure_all, stream_options
from shared.utils.standard_streams import standard_streams

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
# Beyond the stream's own length.
_STREAM_MARGIN_SECONDS = 60.0


class Bare:
    """A running bare gateway with a crowd."""

    def __init__(self, websocket_url: str, posts_url: str, crowd: CrowdProcess) -> None:
        self._websocket_url = websocket_url
        self._posts_url = posts_url
        self._crowd = crowd
        self._next_seq = 0

    async def measure(self, listeners: int, options: StreamOptions) -> dict[str, Any]:
        """Stream to `listeners`; returns latency and CPU time by role.

        Raises RuntimeError, TimeoutError.
        """
        await self._crowd.resize(self._websocket_url, {}, listeners)
        first_seq, self._next_seq = self._next_seq, self._next_seq + options.chunks
        await self._crowd.start(options.chunks, options.chunk_ms, first_seq)
        arguments = (self._posts_url, options.chunks, options.chunk_ms, first_seq)
        async with _python("benchmarks.bare_sender", *map(str, arguments)) as sender:
            await _line(sender, _START_SECONDS)
            before = read_cpu()
            assert sender.stdin is not None
            sender.stdin.write(b"\n")
            await _line(sender, options.seconds + _STREAM_MARGIN_SECONDS)
            await self._crowd.wait(options.drain_seconds)
            after = read_cpu()
        figures = await self._crowd.figures(options.playout_ms)
        return {
            "listeners": listeners,
            **figures,
            "cpu_us": microseconds_each(after.spent_since(before), figures["delivered"]),
            "cores_elsewhere": after.cores_elsewhere_since(before),
        }


@asynccontextmanager
async def bare(crowd: CrowdProcess) -> AsyncIterator[Bare]:
    """Run a bare gateway until the block ends."""
    async with _python("benchmarks.bare_gateway") as gateway:
        addresses = json.loads(await _line(gateway, _START_SECONDS))
        yield Bare(addresses["websocket"], addresses["posts"], crowd)
        await crowd.close()


@asynccontextmanager
async def _python(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module that ends with its standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _line(process: asyncio.subprocess.Process, seconds: float) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(seconds):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError("a process of the bare measurement ended early")
    return line


async def run(options: argparse.Namespace, stream: StreamOptions) -> list[dict[str, Any]]:
    """Run the processes and measure."""
    async with crowd_process() as crowd, bare(crowd) as running:
        return await measure_all(running.measure, options, stream)


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args()
    for result in uvloop.run(run(options, stream_options(options))):
        print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
