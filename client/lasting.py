"""A connection that comes back by itself: what it does about a loss, `client.reconnection` says.

    async with lasting(open_connection) as connection:
        await connection.join("golden-eagle-427", "es")
        async for event in connection.events():
            ...  # Away and Returned among them

It has a Connection's interface. While it is away, requests wait, and chunks are refused with
AwayError: live audio is not queued behind old audio.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from client.capture import Sleep
from client.clock_offset import ClockOffset
from client.connection import Connection
from client.errors import AwayError, ClientError, ConnectionLostError
from client.event_queue import EventQueue
from client.events import Away, Event, Returned
from client.reconnection import GRACE_SECONDS, Chance, Reconnection, Seat
from client.session_state import SessionState
from shared.models.audio_format import AudioFormat
from shared.models.messages import (
    LanguageChanged,
    Role,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionLeft,
)
from shared.utils.clock import Clock, SystemClock

# Opens a connection, with a token that is valid now; the clocks' difference is known for all.
Opener = Callable[[ClockOffset], AbstractAsyncContextManager[Connection]]
_Reply = TypeVar("_Reply")


@contextlib.asynccontextmanager
async def lasting(
    open_connection: Opener,
    *,
    grace_seconds: float = GRACE_SECONDS,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    chance: Chance = random.random,
) -> AsyncIterator[LastingConnection]:
    """Open a connection, and open it again when it is lost while in a session.

    After `grace_seconds` without success it ends with GaveUpError; 0 means not to try. The first
    opening is tried once. Raises ClientError.
    """
    reconnection = Reconnection(grace_seconds=grace_seconds, chance=chance)
    connection = LastingConnection(open_connection, reconnection, clock or SystemClock(), sleep)
    await connection.start()
    try:
        yield connection
    finally:
        await connection.close()


class LastingConnection:
    """One seat in a session, over as many connections as it takes."""

    def __init__(
        self, open_connection: Opener, reconnection: Reconnection, clock: Clock, sleep: Sleep
    ) -> None:
        self._open_connection = open_connection
        self._reconnection = reconnection
        self._clock = clock
        self._sleep = sleep
        self._offset = ClockOffset()
        self._queue = EventQueue()
        self._connection: Connection | None = None  # None while away
        self._resources = AsyncExitStack()
        self._fault: ClientError | None = None  # why there will be no connection any more
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the first connection. Raises ClientError."""
        self._connection = await self._open()
        self._task = asyncio.create_task(self._live(self._connection))

    async def close(self) -> None:
        """Close the connection for good."""
        self._end(ConnectionLostError("the connection was closed"), None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._resources.aclose()

    @property
    def state(self) -> SessionState | None:
        """The session that this client is in, None in none or while it is away."""
        return self._connection.state if self._connection else None

    @property
    def dropped_events(self) -> int:
        """How many received events nobody fetched in time."""
        return self._queue.dropped

    def now_ms(self) -> float:
        """The time in ms since the epoch by the server's clock, as far as that is known."""
        return self._clock.now_ms() + self._offset.offset_ms

    async def create_session(
        self,
        source_language: str,
        *,
        quality_tier: str = "standard",
        audio_format: AudioFormat | None = None,
    ) -> SessionCreated:
        """As Connection.create_session."""
        return await self._ask(
            lambda connection: connection.create_session(
                source_language, quality_tier=quality_tier, audio_format=audio_format
            )
        )

    async def join(self, session_id: str, language: str, role: Role = "listener") -> SessionJoined:
        """As Connection.join."""
        return await self._ask(lambda connection: connection.join(session_id, language, role))

    async def send_audio(self, seq: int, timestamp: int, audio: bytes) -> None:
        """As Connection.send_audio. Raises AwayError if the chunk could not be sent now."""
        connection = self._connection
        if connection is None:
            raise self._fault or AwayError
        try:
            await connection.send_audio(seq, timestamp, audio)
        except ConnectionLostError:
            raise self._fault or AwayError from None

    async def end_session(self) -> SessionEnded:
        """As Connection.end_session."""
        return await self._ask(Connection.end_session)

    async def leave(self) -> SessionLeft:
        """As Connection.leave."""
        return await self._ask(Connection.leave)

    async def change_language(self, language: str) -> LanguageChanged:
        """As Connection.change_language."""
        return await self._ask(lambda connection: connection.change_language(language))

    async def heartbeat(self) -> None:
        """As Connection.heartbeat."""
        await self._ask(Connection.heartbeat)

    async def next_event(self, timeout_seconds: float | None = None) -> Event | None:
        """As Connection.next_event; raises ClientError once there is no coming back."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def events(self) -> AsyncIterator[Event]:
        """As Connection.events; raises ClientError once there is no coming back."""
        while (event := await self._queue.get()) is not None:
            yield event

    async def _ask(self, ask: Callable[[Connection], Awaitable[_Reply]]) -> _Reply:
        """Ask, over the next connection again if this one is lost before it answers: each request
        may be repeated. Coming back is bounded, hence so is this.
        """
        former: Connection | None = None
        while True:
            former = await self._present(former)
            try:
                return await ask(former)
            except ConnectionLostError:
                continue

    async def _present(self, former: Connection | None) -> Connection:
        """A connection other than the former; raises what makes that impossible."""
        while True:
            if self._fault is not None:
                raise self._fault
            if self._connection not in {None, former}:
                assert self._connection is not None
                return self._connection
            self._changed.clear()
            await self._changed.wait()

    async def _live(self, connection: Connection) -> None:
        """Pass events on, and come back, until there is no coming back."""
        try:
            while True:
                try:
                    async for event in connection.events():
                        self._queue.put(event)
                    return
                except ConnectionLostError as fault:
                    self._connection = None
                    connection = await self._come_back(connection.state, fault)
        except ClientError as fault:
            self._end(fault, fault)
        finally:
            self._end(ConnectionLostError("the connection was closed"), None)

    async def _come_back(self, state: SessionState | None, fault: ClientError) -> Connection:
        """A connection that has the seat again. Raises ClientError."""
        if state is None:
            raise fault  # there is nothing to come back to
        seat, lost_at = Seat.of(state, self.now_ms()), self._clock.monotonic()
        self._reconnection.lost(lost_at)
        delay = self._reconnection.delay_after(fault, seat, lost_at)
        self._queue.put(Away(str(fault), self._reconnection.remaining(lost_at)))
        while True:
            await self._sleep(delay)
            try:
                async with asyncio.timeout(self._reconnection.remaining(self._clock.monotonic())):
                    connection = await self._open()
                    reply = await connection.join(seat.session_id, seat.language, seat.role)
            except TimeoutError:
                fault = ConnectionLostError("the service did not answer in time")
            except ClientError as refused:
                fault = refused
            else:
                break
            delay = self._reconnection.delay_after(fault, seat, self._clock.monotonic())
        now = self._clock.monotonic()
        self._reconnection.returned(now)
        self._queue.put(Returned(reply, now - lost_at))
        self._connection = connection
        self._changed.set()
        return connection

    async def _open(self) -> Connection:
        await self._resources.aclose()  # what is left of the former one
        return await self._resources.enter_async_context(self._open_connection(self._offset))

    def _end(self, fault: ClientError, for_events: ClientError | None) -> None:
        if self._fault is None:
            self._fault = fault
            self._queue.close(for_events)
            self._changed.set()


# What the flows run over.
AnyConnection = Connection | LastingConnection
