"""Keeps one seat in a session over as many connections as it takes.

`client.connection.backoff` decides what follows a loss, `client.connection.rollover` when to move
without one. `client.connection.reconnecting` gives it a connection's interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any

from client.changes import Changes
from client.connection.backoff import RandomFraction, Reconnection, Seat
from client.connection.catching_up import CatchUpCounts, CatchUpMonitor
from client.connection.clock_offset import ClockOffset
from client.connection.event_queue import EventQueue
from client.connection.rollover import (
    OVERLAP_SECONDS,
    EventMerger,
    RolloverSchedule,
    seconds_until_clock_check,
)
from client.connection.websocket import Connection
from client.errors import ClientError, ConnectionLostError, FellBehindError
from client.playback.capture import Sleep
from client.protocol.announcements import AnnouncementTracker
from client.protocol.events import (
    AudioReceived,
    CaughtUp,
    Disconnected,
    Notification,
    Reconnected,
    RolledOver,
)
from shared.protocol.messages import SessionJoined
from shared.utils.clock import Clock

# Opens a connection, with a token that is valid now; the clocks' difference is known for all.
Opener = Callable[[ClockOffset], AbstractAsyncContextManager[Connection]]
_log = logging.getLogger("lingocast.client")


@dataclass(slots=True, eq=False)
class _Link:
    """One of the connections, with what closes it."""

    connection: Connection
    resources: AsyncExitStack

    async def close(self) -> None:
        await self.resources.aclose()


class ConnectionSupervisor:
    """The present connection, the events of all of them, and the way from one to the next.

    `sleep` waits between attempts to come back, `alarm` for the time to move on.
    """

    def __init__(
        self,
        open_connection: Opener,
        *,
        grace_seconds: float,
        clock: Clock,
        sleep: Sleep,
        alarm: Sleep,
        random_fraction: RandomFraction,
    ) -> None:
        self.events = EventQueue()
        self.announcements = AnnouncementTracker()
        self.fault: ClientError | None = None  # why there will be no connection any more
        self._open_connection = open_connection
        self._reconnection = Reconnection(
            grace_seconds=grace_seconds, random_fraction=random_fraction
        )
        self._clock = clock
        self._sleep = sleep
        self._alarm = alarm
        self._random_fraction = random_fraction
        self._offset = ClockOffset()
        self._link: _Link | None = None  # None while away
        self._overlap: EventMerger | None = None  # while two connections have the seat
        self._handing_over = False  # meanwhile requests wait
        self._asking = 0  # requests under way
        self._changes = Changes()
        self._catching_up = CatchUpMonitor(clock, sleep, random_fraction, enabled=grace_seconds > 0)
        self._task: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the first connection. Raises ClientError."""
        self._link = await self._open()
        self._task = asyncio.create_task(self._live(self._link))

    async def close(self) -> None:
        """Close all connections for good."""
        self._end(ConnectionLostError("the connection was closed"), None)
        await _cancelled(*self._retiring)
        if self._task is not None:
            await _cancelled(self._task)
        if self._link is not None:
            await self._link.close()
        if self._task is not None and not self._task.cancelled():
            self._task.result()  # raises what is a fault of this program, and no end of a session

    @property
    def catch_ups(self) -> CatchUpCounts:
        """What it took to stay live."""
        return self._catching_up.counts

    @property
    def connection(self) -> Connection | None:
        """The present connection, None while away."""
        return self._link.connection if self._link else None

    def now_ms(self) -> float:
        """The time in ms since the epoch by the server's clock, as far as that is known."""
        return self._clock.now_ms() + self._offset.offset_ms

    async def present(self, former: Connection | None) -> Connection:
        """A connection other than the former, to ask something. Raises what makes it impossible."""

        def other() -> Connection | None:
            if self.fault is not None:
                raise self.fault
            free = self.connection is not former and not self._handing_over
            return self.connection if free else None

        return await self._changes.until(other)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While a request is under way: its reply may change what the seat is."""
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1
            self._changes.notify()

    async def _live(self, link: _Link) -> None:
        """Pass events on, move on, and come back, until there is no coming back."""
        following: _Link | None = link
        try:
            while following is not None:
                following = await self._serve(following)
        except ClientError as fault:
            self._end(fault, fault)
        finally:
            self._end(ConnectionLostError("the connection was closed"), None)

    async def _serve(self, link: _Link) -> _Link | None:
        """Pass events on until another connection has the seat; None once we have closed it."""
        self._catching_up.reset()
        passing = asyncio.create_task(self._pass_on(link))
        moving = asyncio.create_task(self._successor(link))
        watching = asyncio.create_task(self._catching_up.watch(link.connection))
        retired = False
        try:
            await asyncio.wait((passing, moving, watching), return_when=asyncio.FIRST_COMPLETED)
            # If a hand-over succeeds it does not matter how the former connection ends.
            await self._changes.until(lambda: not self._handing_over)
            if moving.done():
                successor = moving.result()
                self._retire(link, passing)
                retired = True
                return successor
            # It may be opening a connection, which must not take the seat as well.
            await _cancelled(moving)
            if watching.done():
                return await self._catch_up(link, watching)
            await passing
        except ConnectionLostError as fault:
            self._link = None
            return await self._come_back(link, fault)
        finally:
            await _cancelled(moving, watching)
            if not retired:
                await _cancelled(passing)
                if self._link is not link:
                    await link.close()
        return None

    async def _pass_on(self, link: _Link) -> None:
        async for event in link.connection.events():
            former = link is not self._link
            if self._overlap and not self._overlap.accepts(event, link, former=former):
                continue
            if isinstance(event, AudioReceived) and not former and self._is_too_old(event, link):
                continue
            # What one connection has told, the next one tells again.
            if isinstance(event, Notification) and not self.announcements.apply(event.message):
                continue
            self.events.put(event)

    async def _catch_up(self, link: _Link, watching: asyncio.Task[None]) -> _Link:
        """Move to another connection, without what this one still holds. Raises FellBehindError if
        that did not work.
        """
        self._handing_over = True
        if not self._asking:
            link.connection.stop_reading()  # leave the network to the other one
        successor = await self._hand_over(link.connection)
        link.connection.abort()
        try:
            watching.result()
        except FellBehindError as fault:
            if successor is None:
                raise
            self._overlap = None
            self.events.put(CaughtUp(fault.seconds))
        assert successor is not None
        return successor

    def _is_too_old(self, heard: AudioReceived, link: _Link) -> bool:
        state = link.connection.state
        if state is None:
            return False
        return not self._catching_up.accepts(heard.audio, state.audio_format.chunk_ms)

    async def _successor(self, link: _Link) -> _Link:
        """The connection that follows on this one, once it is time. That there is none is no
        matter: then this one is lost one day, and comes back.
        """
        connection = link.connection
        state = await self._changes.until(lambda: connection.state)
        expires_at, seated_at = state.connection_expires_at, self._clock.now_ms()
        await self._alarm(seconds_until_clock_check(expires_at, self.now_ms()))
        with contextlib.suppress(ClientError):
            await connection.heartbeat()
        schedule = RolloverSchedule.of(
            expires_at, seated_at + self._offset.offset_ms, self._random_fraction
        )
        delay = schedule.seconds_until_due(self.now_ms())
        while delay is not None:
            await self._alarm(delay)
            if successor := await self._hand_over(connection):
                return successor
            delay = schedule.seconds_until_retry(self.now_ms())
        never: asyncio.Future[_Link] = asyncio.get_running_loop().create_future()
        return await never  # it is lost before

    async def _hand_over(self, connection: Connection) -> _Link | None:
        """A second connection with the seat of the first, or None if that did not work."""
        try:
            async with AsyncExitStack() as failing:
                link = await self._open()
                failing.push_async_callback(link.close)
                self._handing_over = True
                await self._changes.until(lambda: not self._asking)
                state = connection.state
                if state is None:  # in no session any more; perhaps in another one by and by
                    return None
                self._overlap = EventMerger()
                reply = await _join(link, Seat.of(state, self.now_ms()))
                failing.pop_all()
        except ClientError as fault:
            _log.info("could not move to another connection: %s", fault)
            self._overlap = None
            return None
        else:
            self._link = link
            self.events.put(RolledOver(reply))
            return link
        finally:
            self._handing_over = False
            self._changes.notify()

    def _retire(self, link: _Link, passing: asyncio.Task[None]) -> None:
        """Close a connection whose seat has moved on, after the time that both are heard."""
        overlap = self._overlap

        async def retire() -> None:
            try:
                await self._alarm(OVERLAP_SECONDS)
            finally:
                await _cancelled(passing)
                await link.close()
                if self._overlap is overlap:
                    self._overlap = None

        task = asyncio.create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _come_back(self, lost: _Link, fault: ClientError) -> _Link:
        """A connection that has the seat again. Raises ClientError."""
        state = lost.connection.state
        await lost.close()
        if state is None:
            raise fault  # there is nothing to come back to
        seat, lost_at = Seat.of(state, self.now_ms()), self._clock.monotonic()
        self._reconnection.connection_lost(lost_at)
        delay = self._reconnection.delay_after(fault, seat, lost_at)
        self.announcements.connection_lost()
        self.events.put(Disconnected(str(fault), self._reconnection.remaining(lost_at)))
        while True:
            await self._sleep(delay)
            try:
                async with asyncio.timeout(self._reconnection.remaining(self._clock.monotonic())):
                    link, reply = await self._seated_anew(seat)
            except TimeoutError:
                fault = ConnectionLostError("the service did not answer in time")
            except ClientError as refused:
                fault = refused
            else:
                break
            delay = self._reconnection.delay_after(fault, seat, self._clock.monotonic())
        now = self._clock.monotonic()
        self._reconnection.reconnected(now)
        self.events.put(Reconnected(reply, now - lost_at))
        self._link = link
        self._changes.notify()
        return link

    async def _seated_anew(self, seat: Seat) -> tuple[_Link, SessionJoined]:
        async with AsyncExitStack() as failing:
            link = await self._open()
            failing.push_async_callback(link.close)
            reply = await _join(link, seat)
            failing.pop_all()
        return link, reply

    async def _open(self) -> _Link:
        resources = AsyncExitStack()
        opened = self._open_connection(self._offset)
        return _Link(await resources.enter_async_context(opened), resources)

    def _end(self, fault: ClientError, for_events: ClientError | None) -> None:
        if self.fault is None:
            self.fault = fault
            self.events.close(for_events)
            self._changes.notify()


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and wait for their end; how they ended does not matter."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _join(link: _Link, seat: Seat) -> SessionJoined:
    return await link.connection.join(
        seat.session_id,
        seat.language,
        seat.role,
        seat.resume_token,
        standby=seat.role == "interpreter",  # somebody may be the language's voice meanwhile
        source=seat.credentials.source,
        ticket=seat.credentials.ticket,
        secret=seat.credentials.secret,
    )
