"""Stalls: a TCP proxy that holds traffic back, and suspended workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import psutil

from local.endpoints import Endpoints
from tests.e2e.support.stacks import runner_of

_BUFFER = 65_536


class StallingProxy:
    """Forwards bytes in both directions; while it stalls it reads none."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.url = ""

    def stall(self) -> None:
        """Stop reading; senders notice when the buffers are full."""
        self._flowing.clear()

    def resume(self) -> None:
        """Deliver the held bytes in order, and continue."""
        self._flowing.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StallingProxy]:
        """Serve at `url` until the end of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = self._target._replace(netloc=f"127.0.0.1:{port}").geturl()
        async with server:
            yield self
            self.resume()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, upstream[1]))
                both.create_task(self._pump(upstream[0], writer))
        finally:
            writer.close()
            upstream[1].close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_BUFFER):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
            sink.close()


@contextmanager
def suspended_workers(endpoints: Endpoints, function: str) -> Iterator[int]:
    """Suspend all workers of a function until the end of the block; yields their number."""
    workers = [
        process
        for process in runner_of(endpoints).children(recursive=True)
        if f"lambda.{function}.handler.lambda_handler" in process.cmdline()
    ]
    for worker in workers:
        worker.suspend()
    try:
        yield len(workers)
    finally:
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.resume()
