"""A connection that reconnects when it is lost, and rolls over before it expires.

    async with reconnecting(open_connection) as connection:
        await connection.join("golden-eagle-427", "es")
        async for event in connection.events():
            ...  # including Disconnected, Reconnected and RolledOver

It has the interface of a Connection. While it is disconnected, requests wait, and sending audio
raises UnavailableError: live audio is not queued behind old audio. The logic is in
`client.connection.supervisor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from client.connection.backoff import GRACE_SECONDS, RandomFraction
from client.connection.catching_up import CatchUpCounts
from client.connection.link import Opener
from client.connection.supervisor import ConnectionSupervisor
from client.connection.websocket import Connection
from client.errors import ConnectionLostError, RequestRefusedError, UnavailableError
from client.playback.capture import Sleep
from client.protocol.announcement_requests import AnnouncementRequests
from client.protocol.events import Event
from client.protocol.interpreter_requests import InterpreterRequests
from client.protocol.requester import ReplyType
from client.protocol.session_requests import SessionRequests
from client.protocol.session_state import SessionState
from client.protocol.speaker_requests import SpeakerRequests
from shared.models.interpretation import Renders
from shared.protocol.announcement_messages import Announcement, Scope
from shared.protocol.interpretation_messages import SendCaption
from shared.protocol.message_base import Request
from shared.utils.clock import Clock, SystemClock

_Result = TypeVar("_Result")


@contextlib.asynccontextmanager
async def reconnecting(
    open_connection: Opener,
    *,
    grace_seconds: float = GRACE_SECONDS,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    alarm: Sleep = asyncio.sleep,
    random_fraction: RandomFraction = random.random,
) -> AsyncIterator[ReconnectingConnection]:
    """Open a connection that reconnects while it is in a session.

    It ends with ReconnectTimeoutError after `grace_seconds` without success; 0 disables
    reconnection. The first connection is attempted once. `sleep` waits between attempts, `alarm`
    until a rollover is due. Raises ClientError.
    """
    supervisor = ConnectionSupervisor(
        open_connection,
        grace_seconds=grace_seconds,
        clock=clock or SystemClock(),
        sleep=sleep,
        alarm=alarm,
        random_fraction=random_fraction,
    )
    await supervisor.start()
    try:
        yield ReconnectingConnection(supervisor)
    finally:
        await supervisor.close()


class ReconnectingConnection(
    SessionRequests, SpeakerRequests, InterpreterRequests, AnnouncementRequests
):
    """One seat in a session, kept over successive connections."""

    def __init__(self, supervisor: ConnectionSupervisor) -> None:
        self._supervisor = supervisor

    @property
    def state(self) -> SessionState | None:
        """The session that this client is in; None while disconnected or outside a session."""
        connection = self._supervisor.connection
        return connection.state if connection else None

    @property
    def announcements(self) -> Mapping[Scope, Announcement]:
        """As Connection.announcements; empty while disconnected."""
        return self._supervisor.announcements.active

    @property
    def dropped_events(self) -> int:
        """Number of received events dropped because they were not consumed in time."""
        return self._supervisor.events.dropped

    @property
    def catch_ups(self) -> CatchUpCounts:
        """How often it reconnected because audio arrived too late, and the skipped chunks."""
        return self._supervisor.catch_ups

    def now_ms(self) -> float:
        """Return the estimated server time in ms since the epoch."""
        return self._supervisor.now_ms()

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        """As Connection.send_audio. Raises UnavailableError while disconnected."""
        await self._send_now(
            lambda connection: connection.send_audio(
                seq, timestamp, audio, renders, chunk_ms=chunk_ms
            )
        )

    async def send_caption(self, caption: SendCaption) -> None:
        """As Connection.send_caption. Raises UnavailableError while disconnected."""
        await self._send_now(lambda connection: connection.send_caption(caption))

    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        """As Connection.ask."""
        reply = await self._retrying(lambda connection: connection.ask(request, expected))
        self._supervisor.announcements.apply(reply)
        return reply

    async def heartbeat(self) -> None:
        """As Connection.heartbeat."""
        await self._retrying(Connection.heartbeat)

    async def next_event(self, timeout_seconds: float | None = None) -> Event | None:
        """As Connection.next_event; raises ClientError if reconnection fails."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._supervisor.events.get()
        except TimeoutError:
            return None

    async def events(self) -> AsyncIterator[Event]:
        """As Connection.events; raises ClientError if reconnection fails."""
        while (event := await self._supervisor.events.get()) is not None:
            yield event

    async def _send_now(self, send: Callable[[Connection], Awaitable[None]]) -> None:
        """Send over the current connection, without waiting for a reconnection."""
        connection = self._supervisor.connection
        if connection is None:
            raise self._supervisor.fault or UnavailableError
        try:
            await send(connection)
        except ConnectionLostError:
            raise self._supervisor.fault or UnavailableError from None

    async def _retrying(self, ask: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        """Send a request, again over the next connection if this one is lost before the reply.

        Also again if the service is busy and asks for that. Requests are idempotent. The time is
        bounded by that of the reconnection and by the number of such retries.
        """
        lost: Connection | None = None
        retries = 0
        while True:
            connection = await self._supervisor.next_connection(after=lost)
            try:
                with self._supervisor.request_in_progress():
                    return await ask(connection)
            except ConnectionLostError:
                lost = connection
            except RequestRefusedError as refused:
                await self._supervisor.wait_as_asked(refused, retries)
                retries += 1


# The connections that flows accept.
AnyConnection = Connection | ReconnectingConnection
