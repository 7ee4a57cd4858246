"""A TCP relay in front of a server, whose connections a test breaks off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

_AT_ONCE = 65_536


class Relay:
    """Passes bytes on in both directions, until it is told to break off."""

    def __init__(self, host: str, port: int) -> None:
        self.opened = 0
        self._host = host
        self._port = port
        self._down = False
        self._writers: set[asyncio.StreamWriter] = set()

    def break_off(self) -> None:
        """End all connections without a farewell, and take no new ones until `mend`."""
        self._down = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Take connections again."""
        self._down = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        if self._down:
            writer.transport.abort()
            return
        self.opened += 1
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            self._writers -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[str, Relay]]:
    """The address of a relay to the WebSocket server at `url`, and the relay."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    relay = Relay(parts.hostname, parts.port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}")), relay
    finally:
        relay.break_off()
        server.close()
        await server.wait_closed()
