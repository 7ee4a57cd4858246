"""Keeps one seat in a session over successive connections.

`client.connection.backoff` decides what follows a loss, `client.connection.rollover` when to roll
over. `client.connection.reconnecting` gives the supervisor the interface of a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

from client.changes import Changes
from client.connection.backoff import (
    MAX_ASKED_RETRIES,
    HeldSeat,
    RandomFraction,
    Reconnection,
    asked_delay,
)
from client.connection.catching_up import CatchUpCounts, CatchUpMonitor
from client.connection.clock_offset import ClockOffset
from client.connection.event_queue import EventQueue
from client.connection.link import Link, Opener
from client.connection.rollover import (
    OVERLAP_SECONDS,
    EventMerger,
    RolloverSchedule,
    seconds_until_clock_check,
)
from client.connection.websocket import Connection
from client.errors import (
    ClientError,
    ConnectionLostError,
    FellBehindError,
    RequestRefusedError,
)
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
from client.protocol.last_heard import HeardPositions
from shared.models.recovery import LastHeard
from shared.protocol.messages import SessionJoined
from shared.utils.clock import Clock

_log = logging.getLogger("lingocast.client")


class ConnectionSupervisor:
    """Owns the current connection, merges all events, and moves the seat between connections.

    `sleep` waits between reconnection attempts, `alarm` until a rollover is due.
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
        self.fault: ClientError | None = None  # set once no further connection will be opened
        self._open_connection = open_connection
        self._reconnection = Reconnection(
            grace_seconds=grace_seconds, random_fraction=random_fraction
        )
        self._reconnects = grace_seconds > 0
        self._clock = clock
        self._sleep = sleep
        self._alarm = alarm
        self._random_fraction = random_fraction
        self._offset = ClockOffset()
        self._link: Link | None = None  # None while disconnected
        self._merger: EventMerger | None = None  # while two connections share the seat
        self._moving_seat = False  # requests wait meanwhile
        self._requests = 0  # in progress
        self._changes = Changes()
        self._heard = HeardPositions()
        self._catch_up_monitor = CatchUpMonitor(
            clock, sleep, random_fraction, enabled=self._reconnects
        )
        self._task: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the first connection. Raises ClientError."""
        self._link = await self._open()
        self._task = asyncio.create_task(self._run(self._link))

    async def close(self) -> None:
        """Close all connections for good."""
        self._end(ConnectionLostError("the connection was closed"), None)
        await _cancel(*self._retiring)
        if self._task is not None:
            await _cancel(self._task)
        if self._link is not None:
            await self._link.close()
        if self._task is not None and not self._task.cancelled():
            self._task.result()  # raises a bug of this program

    @property
    def catch_ups(self) -> CatchUpCounts:
        """Restarts and skipped chunks, because audio arrived too late."""
        return self._catch_up_monitor.counts

    @property
    def connection(self) -> Connection | None:
        """The current connection; None while disconnected."""
        return self._link.connection if self._link else None

    def now_ms(self) -> float:
        """Return the estimated server time in ms since the epoch."""
        return self._clock.now_ms() + self._offset.offset_ms

    async def next_connection(self, after: Connection | None) -> Connection:
        """Wait for a connection other than `after`. Raises `fault` once there will be none."""

        def current() -> Connection | None:
            if self.fault is not None:
                raise self.fault
            usable = self.connection is not after and not self._moving_seat
            return self.connection if usable else None

        return await self._changes.until(current)

    @contextlib.contextmanager
    def request_in_progress(self) -> Iterator[None]:
        """Hold back the moving of the seat: a request's reply may change the seat."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self._changes.notify()

    async def _run(self, link: Link) -> None:
        """Serve one connection after the other, until there is no further one."""
        current: Link | None = link
        try:
            while current is not None:
                current = await self._serve(current)
        except ClientError as fault:
            self._end(fault, fault)
        finally:
            self._end(ConnectionLostError("the connection was closed"), None)

    async def _serve(self, link: Link) -> Link | None:
        """Forward events until another connection has the seat; None after `close`."""
        self._catch_up_monitor.reset()
        forwarding = asyncio.create_task(self._forward_events(link))
        rolling_over = asyncio.create_task(self._roll_over(link))
        watching = asyncio.create_task(self._catch_up_monitor.watch(link.connection))
        retired = False
        try:
            await asyncio.wait(
                (forwarding, rolling_over, watching), return_when=asyncio.FIRST_COMPLETED
            )
            # If the seat moves successfully, it does not matter how the former connection ends.
            await self._changes.until(lambda: not self._moving_seat)
            if rolling_over.done():
                successor = rolling_over.result()
                self._retire(link, forwarding)
                retired = True
                return successor
            # A rollover in progress must not take the seat as well.
            await _cancel(rolling_over)
            if watching.done():
                return await self._catch_up(link, watching)
            await forwarding
        except ConnectionLostError as fault:
            self._link = None
            return await self._reconnect(link, fault)
        finally:
            await _cancel(rolling_over, watching)
            if not retired:
                await _cancel(forwarding)
                if self._link is not link:
                    await link.close()
        return None

    async def _forward_events(self, link: Link) -> None:
        async for event in link.connection.events():
            former = link is not self._link
            if self._merger and not self._merger.accepts(event, link, former=former):
                continue
            if isinstance(event, AudioReceived) and not former and self._is_too_old(event, link):
                continue
            if isinstance(event, AudioReceived):
                self._heard.received(event.audio)
            # The service repeats active announcements on each new connection.
            if isinstance(event, Notification) and not self.announcements.apply(event.message):
                continue
            self.events.put(event)

    async def _catch_up(self, link: Link, watching: asyncio.Task[None]) -> Link:
        """Move to a new connection, without the audio that this one still holds.

        Raises FellBehindError if that fails.
        """
        self._moving_seat = True
        if not self._requests:
            link.connection.stop_reading()  # leave the bandwidth to the new connection
        successor = await self._move_seat(link.connection)
        link.connection.abort()
        try:
            watching.result()
        except FellBehindError as fault:
            if successor is None:
                raise
            self._merger = None
            self.events.put(CaughtUp(fault.seconds))
        assert successor is not None
        return successor

    def _is_too_old(self, event: AudioReceived, link: Link) -> bool:
        state = link.connection.state
        if state is None:
            return False
        return not self._catch_up_monitor.accepts(event.audio, state.audio_format.chunk_ms)

    async def _roll_over(self, link: Link) -> Link:
        """Wait until a rollover is due, then move the seat and return the new connection.

        If no attempt succeeds, wait forever: the connection will expire and be reconnected.
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
            if successor := await self._move_seat(connection):
                return successor
            delay = schedule.seconds_until_retry(self.now_ms())
        never: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        return await never

    async def _move_seat(self, connection: Connection) -> Link | None:
        """Open a second connection and move the seat to it; None if that fails."""
        try:
            async with AsyncExitStack() as on_failure:
                link = await self._open()
                on_failure.push_async_callback(link.close)
                self._moving_seat = True
                await self._changes.until(lambda: not self._requests)
                state = connection.state
                if state is None:  # the client has left the session meanwhile
                    return None
                self._merger = EventMerger()
                reply = await link.join(HeldSeat.of(state, self.now_ms()))
                on_failure.pop_all()
        except ClientError as fault:
            _log.info("could not move to another connection: %s", fault)
            self._merger = None
            return None
        else:
            self._link = link
            self.events.put(RolledOver(reply))
            return link
        finally:
            self._moving_seat = False
            self._changes.notify()

    def _retire(self, link: Link, forwarding: asyncio.Task[None]) -> None:
        """Close a connection whose seat has moved, after the overlap."""
        merger = self._merger

        async def retire() -> None:
            try:
                await self._alarm(OVERLAP_SECONDS)
            finally:
                await _cancel(forwarding)
                await link.close()
                if self._merger is merger:
                    self._merger = None

        task = asyncio.create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def wait_as_asked(self, refused: RequestRefusedError, retries: int) -> None:
        """Wait until a refused request may be repeated, if the service asks for that.

        Raises `refused` if it does not, has asked too often, or if reconnection is disabled.
        """
        delay = asked_delay(refused, self._random_fraction)
        if delay is None or retries >= MAX_ASKED_RETRIES or not self._reconnects:
            raise refused
        await self._sleep(delay)

    async def _reconnect(self, lost: Link, fault: ClientError) -> Link:
        """Open a connection and rejoin with the seat. Raises ClientError."""
        state = lost.connection.state
        await lost.close()
        if state is None:
            raise fault  # there is no seat to rejoin
        seat, lost_at = HeldSeat.of(state, self.now_ms()), self._clock.monotonic()
        last = self._heard.last(state, lost.connection.acknowledged_at)
        self._reconnection.connection_lost(lost_at)
        delay = self._reconnection.delay_after(fault, seat, lost_at)
        self.announcements.connection_lost()
        self.events.put(Disconnected(str(fault), self._reconnection.remaining(lost_at)))
        while True:
            await self._sleep(delay)
            try:
                async with asyncio.timeout(self._reconnection.remaining(self._clock.monotonic())):
                    link, reply = await self._rejoin(seat, last)
            except TimeoutError:
                fault = ConnectionLostError("the service did not answer in time")
            except ClientError as refused:
                fault = refused
            else:
                break
            delay = self._reconnection.delay_after(fault, seat, self._clock.monotonic())
        now = self._clock.monotonic()
        self._reconnection.reconnected(now)
        self._heard.rejoined(recovered=reply.recovered is True)
        self.events.put(Reconnected(reply, now - lost_at))
        self._link = link
        self._changes.notify()
        return link

    async def _rejoin(self, seat: HeldSeat, last: LastHeard | None) -> tuple[Link, SessionJoined]:
        async with AsyncExitStack() as on_failure:
            link = await self._open()
            on_failure.push_async_callback(link.close)
            reply = await link.join(seat, last)
            on_failure.pop_all()
        return link, reply

    async def _open(self) -> Link:
        return await Link.open(self._open_connection, self._offset)

    def _end(self, fault: ClientError, for_events: ClientError | None) -> None:
        if self.fault is None:
            self.fault = fault
            self.events.close(for_events)
            self._changes.notify()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they have ended, whatever their result."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
