"""A WebSocket connection to the service, for asyncio.

    async with connect("ws://127.0.0.1:8765/dev") as connection:
        await connection.join("golden-eagle-427", "es")
        async for event in connection.events():
            ...

One background task reads frames as they arrive, another sends heartbeats; both end with the
`async with` block. If events are not consumed, the oldest received audio is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from client.changes import Changes
from client.connection.clock_offset import ClockOffset
from client.connection.event_queue import EventQueue
from client.connection.keep_alive import HEARTBEAT_SECONDS, LEASE_SECONDS, KeepAlive
from client.connection.send_window import SendWindow
from client.connection.transport import SessionTicket, open_socket, to_connection_lost
from client.errors import (
    ClientError,
    ConnectionLostError,
    RequestRefusedError,
    RequestTimeoutError,
    StalledError,
)
from client.protocol.announcement_requests import AnnouncementRequests
from client.protocol.core import SessionCore
from client.protocol.device_requests import DeviceRequests
from client.protocol.events import (
    AudioRefused,
    CaptionRefused,
    Event,
    ReplyReceived,
    RequestRefused,
)
from client.protocol.interpreter_requests import InterpreterRequests
from client.protocol.requester import ReplyType
from client.protocol.session_requests import SessionRequests
from client.protocol.session_state import SessionState
from client.protocol.speaker_requests import SpeakerRequests
from shared.models.errors import ErrorCode
from shared.models.interpretation import Renders
from shared.protocol.announcement_messages import Announcement, Scope
from shared.protocol.authentication_messages import Authenticate, Authenticated
from shared.protocol.interpretation_messages import SendCaption
from shared.protocol.message_base import Reply, Request
from shared.protocol.messages import Heartbeat, HeartbeatAck
from shared.utils.clock import Clock, SystemClock

REPLY_TIMEOUT_SECONDS = 15.0  # a cold start of the service takes seconds

# Sends a newer token. Raises ClientError.
Renew = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    client_id: str | None = None,
    ticket: SessionTicket | None = None,
    clock: Clock | None = None,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    lease_seconds: float = LEASE_SECONDS,
    reply_timeout_seconds: float = REPLY_TIMEOUT_SECONDS,
    offset: ClockOffset | None = None,
) -> AsyncIterator[Connection]:
    """Open a connection; it is closed at the end of the block.

    `client_id` (random, 8-64 of A-Z a-z 0-9 _ -) identifies an anonymous client across
    connections, so that acknowledged announcements are not shown again. It is not sent along with
    a token. `ticket` authorizes a session's own interpreter; other anonymous connections cannot
    send audio. Connections with the same `offset` share their estimate of the server's clock.

    Raises UnreachableError or HandshakeRefusedError, and ValidationError for an invalid client id.
    """
    socket = await open_socket(url, token, client_id, ticket)
    connection = Connection(
        socket,
        clock=clock or SystemClock(),
        heartbeat_seconds=heartbeat_seconds,
        lease_seconds=lease_seconds,
        reply_timeout_seconds=reply_timeout_seconds,
        offset=offset or ClockOffset(),
    )
    connection.start()
    try:
        yield connection
    finally:
        await connection.close()


class Connection(
    SessionRequests, SpeakerRequests, InterpreterRequests, AnnouncementRequests, DeviceRequests
):
    """An open connection.

    Requests raise RequestRefusedError, RequestTimeoutError or ConnectionLostError. Everything that
    is not a reply is yielded by `events`.
    """

    def __init__(
        self,
        socket: ClientConnection,
        *,
        clock: Clock,
        heartbeat_seconds: float,
        lease_seconds: float,
        reply_timeout_seconds: float,
        offset: ClockOffset,
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._reply_timeout_seconds = reply_timeout_seconds
        self._core = SessionCore()
        self._queue = EventQueue()
        self._offset = offset
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        self._alive = KeepAlive(
            self.heartbeat,
            lambda: self.state is not None and self.state.role == "interpreter",
            clock,
            heartbeat_seconds=heartbeat_seconds,
            lease_seconds=lease_seconds,
        )
        self.acknowledged_at: int | None = None  # server time of the last heartbeatAck (ms)
        self._closing = False
        self._renew: Renew | None = None
        self._refusals = Changes()  # of an expired token
        self._tasks: list[asyncio.Task[None]] = []
        self._window = SendWindow(socket.ping, asyncio.get_running_loop().time)

    def start(self) -> None:
        """Start the reading and heartbeat tasks."""
        self._tasks = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._alive.run()),
        ]

    async def close(self) -> None:
        """Close the connection and end its tasks. Idempotent."""
        self._closing = True
        await self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end(None)

    def stop_reading(self) -> None:
        """Stop reading: further messages are not wanted."""
        self._socket.transport.pause_reading()

    def abort(self) -> None:
        """Drop the connection and everything in flight; call `close` afterwards."""
        self._closing = True
        self._socket.transport.abort()

    @property
    def state(self) -> SessionState | None:
        """The session that this connection is in, if any."""
        return self._core.state

    @property
    def announcements(self) -> Mapping[Scope, Announcement]:
        """Active announcements: to everyone (`all`), and in the session (`session`)."""
        return self._core.announcements.active

    @property
    def dropped_events(self) -> int:
        """Number of received events dropped because they were not consumed in time."""
        return self._queue.dropped

    def now_ms(self) -> float:
        """Return the estimated server time in ms since the epoch."""
        return self._clock.now_ms() + self._offset.offset_ms

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        """Send a chunk captured at `timestamp` (ms since the epoch, own clock). No reply.

        `renders` tells which utterance of the floor an interpreter's chunk renders, `chunk_ms` the
        duration of a chunk that is longer than the session's. Raises StalledError, and does not
        send, while earlier chunks have not arrived.
        """
        if not await self._window.has_room():
            raise StalledError
        await self._send(self._core.audio_frame(seq, timestamp, audio, renders, chunk_ms))
        try:
            await self._window.sent()
        except ConnectionClosed as closed:
            raise to_connection_lost(closed) from None

    async def send_caption(self, caption: SendCaption) -> None:
        """Send a caption to the listeners of this client's language, or of the floor. No reply."""
        await self._send(self._core.caption_frame(caption))

    async def heartbeat(self) -> None:
        """Keep the connection alive and compare the clocks.

        Runs automatically after 30 s without sending, and every second for interpreters.
        """
        sent_at = self._clock.now_ms()
        ack = await self.ask(Heartbeat(client_time=sent_at), HeartbeatAck)
        self.acknowledged_at = ack.timestamp
        self._offset.add(sent_at, ack.timestamp, self._clock.now_ms())

    def set_token_renewal(self, renew: Renew) -> None:
        """Repeat requests that are refused for an expired token after calling `renew`."""
        self._renew = renew

    async def authenticate(self, token: str) -> Authenticated:
        """Send a newer token of the same user, and compare the clocks."""
        sent_at = self._clock.now_ms()
        reply = await self._ask(Authenticate(token=token), Authenticated)
        self._offset.add(sent_at, reply.timestamp, self._clock.now_ms())
        return reply

    async def wait_token_refused(self) -> None:
        """Wait until the service refuses something because the token has expired.

        Earlier refusals do not count: messages in flight during a renewal are refused too, and a
        token that is still expired is refused again with the next chunk or heartbeat.
        """
        await self._refusals.since(self._refusals.version)

    async def next_event(self, timeout_seconds: float | None = None) -> Event | None:
        """Return the next event; None after the timeout, or after `close`.

        Raises ConnectionLostError if the connection was lost.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def events(self) -> AsyncIterator[Event]:
        """Yield events until `close`. Raises ConnectionLostError."""
        while (event := await self._queue.get()) is not None:
            yield event

    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        """Send a request and return its reply. Raises as the class says."""
        try:
            return await self._ask(request, expected)
        except RequestRefusedError as refused:
            if refused.code != ErrorCode.TOKEN_EXPIRED or self._renew is None:
                raise
            if isinstance(request, Heartbeat):  # the next heartbeat follows the renewal
                self._refusals.notify()
                raise
        await self._renew()
        return await self._ask(request, expected)

    async def _ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        request_id, frame = self._core.ask(request)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = future
        try:
            await self._send(frame)
            async with asyncio.timeout(self._reply_timeout_seconds):
                reply = await future
        except TimeoutError:
            name = type(request).__name__
            limit = self._reply_timeout_seconds
            raise RequestTimeoutError(f"{name}: no reply within {limit:g} s") from None
        finally:
            del self._replies[request_id]
            self._core.give_up(request_id)
        if not isinstance(reply, expected):
            raise RequestRefusedError("INTERNAL", 500, "an unexpected reply", retryable=False)
        return reply

    async def _send(self, frame: bytes) -> None:
        self._alive.sent()
        try:
            await self._socket.send(frame, text=True)
        except ConnectionClosed as closed:
            raise to_connection_lost(closed) from None

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.recv(decode=False)
                self._dispatch(frame)
        except ConnectionClosed as closed:
            self._end(None if self._closing else to_connection_lost(closed))

    def _dispatch(self, frame: bytes) -> None:
        for event in self._core.receive(frame, self.now_ms()):
            if isinstance(event, ReplyReceived):
                self._alive.answered()
                self._resolve(event.request_id, event.reply)
            elif isinstance(event, RequestRefused):
                self._resolve(event.request_id, event.error)
            else:
                self._queue.put(self._with_renewal(event))

    def _with_renewal(self, event: Event) -> Event:
        """Mark a refusal for an expired token as retryable if the token is renewed."""
        if not isinstance(event, AudioRefused | CaptionRefused) or self._renew is None:
            return event
        if event.error.code != ErrorCode.TOKEN_EXPIRED:
            return event
        self._refusals.notify()
        return replace(event, error=event.error.as_retryable())

    def _resolve(self, request_id: str, outcome: Reply | ClientError) -> None:
        future = self._replies.get(request_id)
        if future is None or future.done():
            return
        if isinstance(outcome, ClientError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _end(self, fault: ConnectionLostError | None) -> None:
        self._queue.close(fault)
        for request_id in list(self._replies):
            self._resolve(request_id, fault or ConnectionLostError("the connection was closed"))
