"""The open WebSocket connections: post to them, reply to them, close them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN

from local.gateway.websocket_events import WebSocketEventFactory
from shared.utils.clock import Clock

# Send buffer of a client that stopped reading; beyond it, posts fail. API Gateway's own limit is
# undocumented; 1 MiB is about 20 s of the default audio.
DEFAULT_MAX_BUFFER_BYTES = 1024 * 1024
# Timeout of the closing handshake, and of a reply to a client that does not read.
_TIMEOUT_SECONDS = 5.0


class PostResult(Enum):
    """Result of posting a message to a connection."""

    SENT = "sent"
    GONE = "gone"
    BUFFER_FULL = "buffer full"


class TextMessage:
    """A message to any number of clients, framed once: frames of a server are not masked."""

    __slots__ = ("body", "frame")

    def __init__(self, body: bytes) -> None:
        """Frame `body`, which must be UTF-8."""
        self.body = body
        self.frame = Frame(Opcode.TEXT, body).serialize(mask=False)


class ClientConnection:
    """A connection after its handshake; `last_active` and `opened` in monotonic seconds."""

    __slots__ = (
        "_clock",
        "_max_buffer",
        "_protocol",
        "_socket",
        "_transport",
        "events",
        "last_active",
        "opened",
        "pending",
        "removed",
    )

    def __init__(
        self, socket: ServerConnection, events: WebSocketEventFactory, clock: Clock, max_buffer: int
    ) -> None:
        self._socket = socket
        # Bound here because `post` runs for every listener and chunk.
        self._protocol = socket.protocol
        self._transport = socket.transport
        self._clock = clock
        self._max_buffer = max_buffer
        self.events = events
        #: Whether it is closing or closed, and so out of reach for posts.
        self.removed = False
        #: Tasks that serve its messages.
        self.pending: set[asyncio.Task[None]] = set()
        self.opened = self.last_active = clock.monotonic()

    @property
    def connection_id(self) -> str:
        """The connection id in events and in @connections calls."""
        return self.events.connection_id

    @property
    def last_active_ms(self) -> int:
        """Time of the last message in either direction, in ms since the epoch."""
        return self._clock.now_ms() - int((self._clock.monotonic() - self.last_active) * 1000)

    def touch(self) -> None:
        """Restart the idle timeout."""
        self.last_active = self._clock.monotonic()

    def post(self, message: TextMessage) -> PostResult:
        """Send a message without waiting.

        To wait for a listener that does not read would delay the audio of all others. The frame
        does not pass through `websockets`, which would frame it for each listener again: no
        extension changes it, and replies, the only other messages, are never fragmented.
        """
        transport = self._transport
        if self._protocol.state is not OPEN or transport.is_closing():
            return PostResult.GONE
        if transport.get_write_buffer_size() + len(message.body) > self._max_buffer:
            return PostResult.BUFFER_FULL
        transport.write(message.frame)
        self.last_active = self._clock.monotonic()
        return PostResult.SENT

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        self._transport.abort()

    def interpose(self, wrap: Callable[[asyncio.Transport], asyncio.Transport]) -> None:
        """Use `wrap(transport)` instead of the socket's transport from now on."""
        self._transport = self._socket.transport = wrap(self._transport)

    async def reply(self, text: str) -> None:
        """Send a reply and wait until it is written; drop a client that does not read."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._socket.send(text)
            self.touch()
        except TimeoutError:
            self._transport.abort()
        except ConnectionClosed:
            pass

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection; abort it if the closing handshake times out."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._socket.close(code, reason)
        except TimeoutError:
            self._transport.abort()


class Connections:
    """Open connections by id; a closing connection is no longer included."""

    def __init__(self) -> None:
        self._connections: dict[str, ClientConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[ClientConnection]:
        return iter(tuple(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: ClientConnection) -> None:
        """Make a connection reachable after its handshake."""
        self._connections[connection.connection_id] = connection

    def find(self, connection_id: str) -> ClientConnection | None:
        """The open connection with this id, or None."""
        return self._connections.get(connection_id)

    def remove(self, connection: ClientConnection) -> None:
        """Make a connection unreachable."""
        connection.removed = True
        self._connections.pop(connection.connection_id, None)

    def close(self, connection: ClientConnection, code: int, reason: str) -> None:
        """Start closing a connection: make it unreachable and cancel its pending messages."""
        self.remove(connection)
        for pending in tuple(connection.pending):
            pending.cancel()
        task = asyncio.get_running_loop().create_task(connection.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def stop(self) -> None:
        """Stop waiting for closing connections."""
        for task in self._closing:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._closing, return_exceptions=True)
