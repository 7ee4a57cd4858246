"""A connection that comes back by itself when it is lost, and moves to another one before its time
is up: how, `client.connection.supervisor` says.

    async with reconnecting(open_connection) as connection:
        await connection.join("golden-eagle-427", "es")
        async for event in connection.events():
            ...  # Away, Returned and RolledOver among them

It has a Connection's interface. While it is away, requests wait, and chunks are refused with
UnavailableError: live audio is not queued behind old audio.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from client.connection.backoff import GRACE_SECONDS, RandomFraction
from client.connection.catching_up import CatchUpCounts
from client.connection.supervisor import ConnectionSupervisor, Opener
from client.connection.websocket import Connection
from client.errors import ConnectionLostError, UnavailableError
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
    """Open a connection, and open it again when it is lost while in a session, or soon over.

    After `grace_seconds` without success it ends with ReconnectTimeoutError; 0 disables retries.
    The first attempt is not repeated. `sleep` waits between attempts, `alarm` until the rollover is
    due. Raises ClientError.
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
    """One seat in a session, over as many connections as it takes."""

    def __init__(self, supervisor: ConnectionSupervisor) -> None:
        self._supervisor = supervisor

    @property
    def state(self) -> SessionState | None:
        """The session that this client is in, None in none or while it is away."""
        connection = self._supervisor.connection
        return connection.state if connection else None

    @property
    def announcements(self) -> Mapping[Scope, Announcement]:
        """As Connection.announcements; nothing while it is away."""
        return self._supervisor.announcements.active

    @property
    def dropped_events(self) -> int:
        """How many received events nobody fetched in time."""
        return self._supervisor.events.dropped

    @property
    def catch_ups(self) -> CatchUpCounts:
        """How often it started anew because sound came too late, and what was skipped."""
        return self._supervisor.catch_ups

    def now_ms(self) -> float:
        """The time in ms since the epoch by the server's clock, as far as that is known."""
        return self._supervisor.now_ms()

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> None:
        """As Connection.send_audio. Raises UnavailableError if the chunk could not be sent now."""
        await self._now(lambda connection: connection.send_audio(seq, timestamp, audio, renders))

    async def send_caption(self, caption: SendCaption) -> None:
        """As Connection.send_caption. Raises UnavailableError if it could not be sent now."""
        await self._now(lambda connection: connection.send_caption(caption))

    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        """As Connection.ask."""
        reply = await self._over(lambda connection: connection.ask(request, expected))
        self._supervisor.announcements.apply(reply)
        return reply

    async def heartbeat(self) -> None:
        """As Connection.heartbeat."""
        await self._over(Connection.heartbeat)

    async def next_event(self, timeout_seconds: float | None = None) -> Event | None:
        """As Connection.next_event; raises ClientError once there is no coming back."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._supervisor.events.get()
        except TimeoutError:
            return None

    async def events(self) -> AsyncIterator[Event]:
        """As Connection.events; raises ClientError once there is no coming back."""
        while (event := await self._supervisor.events.get()) is not None:
            yield event

    async def _now(self, send: Callable[[Connection], Awaitable[None]]) -> None:
        """Send over the present connection, or not at all."""
        connection = self._supervisor.connection
        if connection is None:
            raise self._supervisor.fault or UnavailableError
        try:
            await send(connection)
        except ConnectionLostError:
            raise self._supervisor.fault or UnavailableError from None

    async def _over(self, ask: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        """Ask, over the next connection again if this one is lost before it answers: each request
        may be repeated. Coming back is bounded, hence so is this.
        """
        former: Connection | None = None
        while True:
            former = await self._supervisor.present(former)
            try:
                with self._supervisor.asking():
                    return await ask(former)
            except ConnectionLostError:
                continue


# What the flows run over.
AnyConnection = Connection | ReconnectingConnection
