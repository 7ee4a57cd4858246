"""The open WebSocket connections, and what may be done to them from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import OPEN

from local.gateway.websocket_events import WebSocketEventFactory
from shared.utils.clock import Clock

# What a listener that stopped reading may hold up before posts to it fail. API Gateway does not
# document its own limit; 1 MiB is some 20 s of the default audio.
DEFAULT_MAX_BUFFER_BYTES = 1024 * 1024
# Both for the closing handshake and for a reply to a client that does not read.
_PATIENCE_SECONDS = 5.0


class PostResult(Enum):
    """What became of a message to a connection."""

    SENT = "sent"
    GONE = "gone"
    BUFFER_FULL = "buffer full"


class ClientConnection:
    """One connection after its handshake; `last_active` and `opened` in monotonic seconds."""

    __slots__ = (
        "_clock",
        "_max_buffer",
        "_protocol",
        "_socket",
        "_transport",
        "last_active",
        "opened",
        "pending",
        "removed",
        "source",
    )

    def __init__(
        self, socket: ServerConnection, source: WebSocketEventFactory, clock: Clock, max_buffer: int
    ) -> None:
        self._socket = socket
        # Looked up once: `post` runs for every listener and chunk.
        self._protocol = socket.protocol
        self._transport = socket.transport
        self._clock = clock
        self._max_buffer = max_buffer
        self.source = source
        #: Whether it cannot be reached any more, because it is being closed.
        self.removed = False
        #: What is done about its messages at the moment.
        self.pending: set[asyncio.Task[None]] = set()
        self.opened = self.last_active = clock.monotonic()

    @property
    def connection_id(self) -> str:
        """The id that clients and functions know it by."""
        return self.source.connection_id

    @property
    def last_active_ms(self) -> int:
        """When something was last sent or received, in ms since the epoch."""
        return self._clock.now_ms() - int((self._clock.monotonic() - self.last_active) * 1000)

    def touch(self) -> None:
        """Remember that the connection is in use."""
        self.last_active = self._clock.monotonic()

    def post(self, data: bytes) -> PostResult:
        """Send `data`, which must be UTF-8, without waiting for anything.

        Waiting here for one listener that does not read would hold up everybody's audio.
        """
        protocol, transport = self._protocol, self._transport
        if protocol.state is not OPEN or transport.is_closing():
            return PostResult.GONE
        if transport.get_write_buffer_size() + len(data) > self._max_buffer:
            return PostResult.BUFFER_FULL
        protocol.send_text(data)
        for chunk in protocol.data_to_send():
            transport.write(chunk)
        self.last_active = self._clock.monotonic()
        return PostResult.SENT

    async def reply(self, text: str) -> None:
        """Send a reply as soon as the client takes it; drop a client that never does."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._socket.send(text)
            self.touch()
        except TimeoutError:
            self._transport.abort()
        except ConnectionClosed:
            pass

    async def close(self, code: int, reason: str = "") -> None:
        """Close it; a client that does not answer in time loses its connection anyway."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._socket.close(code, reason)
        except TimeoutError:
            self._transport.abort()


class Connections:
    """All links by connection id. One that is being closed is not among them any more."""

    def __init__(self) -> None:
        self._connections: dict[str, ClientConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[ClientConnection]:
        return iter(tuple(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: ClientConnection) -> None:
        """The handshake is over: it can be reached."""
        self._connections[connection.connection_id] = connection

    def find(self, connection_id: str) -> ClientConnection | None:
        """The link, if it is open."""
        return self._connections.get(connection_id)

    def remove(self, connection: ClientConnection) -> None:
        """It cannot be reached any more."""
        connection.removed = True
        self._connections.pop(connection.connection_id, None)

    def close(self, connection: ClientConnection, code: int, reason: str) -> None:
        """Start closing it; nothing reaches it from now on, and its messages that wait for a
        worker wait no longer.
        """
        self.remove(connection)
        for waiting in tuple(connection.pending):
            waiting.cancel()
        task = asyncio.get_running_loop().create_task(connection.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def stop(self) -> None:
        """Stop waiting for those that are being closed."""
        for task in self._closing:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._closing, return_exceptions=True)
