"""TCP proxy that limits the bytes per second towards the client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

# Small buffers, so that data queues up at the server instead of in the proxy.
_BUFFER_BYTES = 4_096
_READS_PER_SECOND = 20


@asynccontextmanager
async def slow_link(url: str, bytes_per_second: int) -> AsyncIterator[str]:
    """Start a slow proxy to the server of `url`. Yields the proxied URL."""
    parts = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        server.setblocking(False)
        await asyncio.get_running_loop().sock_connect(server, (parts.hostname, parts.port))
        up, down = await asyncio.open_connection(sock=server, limit=_BUFFER_BYTES)
        tasks = [
            asyncio.create_task(_copy(reader, down, None)),
            asyncio.create_task(_copy(up, writer, bytes_per_second)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for side in (down, writer):
                side.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"127.0.0.1:{port}").geturl()
    finally:
        listener.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_second: int | None
) -> None:
    read_bytes = bytes_per_second // _READS_PER_SECOND if bytes_per_second else 65_536
    with contextlib.suppress(OSError):
        while data := await reader.read(read_bytes):
            writer.write(data)
            await writer.drain()
            if bytes_per_second:
                await asyncio.sleep(len(data) / bytes_per_second)
