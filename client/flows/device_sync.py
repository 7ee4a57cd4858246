"""Device-sync flow: keeps a replica in sync with the service over successive connections.

It registers the device, catches up, sends pending changes, applies those of other devices, and
reconnects when the connection is lost.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from client.changes import Changes
from client.connection.backoff import GRACE_SECONDS, RandomFraction, Reconnection
from client.connection.clock_offset import ClockOffset
from client.connection.link import Opener
from client.connection.websocket import Connection
from client.errors import ClientError, DeviceReplacedError, RequestRefusedError
from client.flows.listener import compare_clocks
from client.flows.streaming import run_until_first_ends
from client.playback.capture import Sleep
from client.protocol.events import Disconnected, Event, Notification
from client.protocol.replica import DeviceReplica
from shared.models.errors import ErrorCode
from shared.protocol.device_messages import (
    Device,
    DeviceRegistered,
    DeviceReplaced,
    DevicesChanged,
    Sync,
    SyncAccepted,
    SyncMessage,
)
from shared.utils.clock import Clock, SystemClock

# More than the pages of a user with a hundred thousand contents.
_MAX_PAGES = 2_048
# Maximum delays before retrying a change on the same connection, when the service is overloaded.
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(slots=True)
class DeviceHooks:
    """Callbacks for a user interface. All do nothing by default.

    `on_change` is called whenever the replica should be saved.
    """

    on_devices: Callable[[list[Device]], None] = lambda devices: None
    on_caught_up: Callable[[list[SyncMessage]], None] = lambda news: None
    on_news: Callable[[SyncMessage], None] = lambda message: None
    on_accepted: Callable[[Sync, SyncAccepted], None] = lambda change, reply: None
    on_refused: Callable[[Sync, RequestRefusedError], None] = lambda change, refused: None
    on_disconnected: Callable[[Disconnected], None] = lambda away: None
    on_reconnected: Callable[[float], None] = lambda seconds: None
    on_event: Callable[[Event], None] = lambda event: None  # any other event
    on_change: Callable[[], None] = lambda: None


class DeviceSync:
    """Keeps one device's replica in sync. Call `changed` after each local change of the replica."""

    def __init__(
        self,
        replica: DeviceReplica,
        open_connection: Opener,
        *,
        name: str | None = None,
        kind: str | None = None,
        grace_seconds: float = GRACE_SECONDS,
        hooks: DeviceHooks | None = None,
        offset: ClockOffset | None = None,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        random_fraction: RandomFraction = random.random,
    ) -> None:
        """`name` (64 characters at most) and `kind` (32) describe the device to the user's other
        devices; None leaves them unchanged. `offset` collects the connections' clock estimates.
        """
        self.replica = replica
        self._open = open_connection
        self._name = name
        self._kind = kind
        self._hooks = hooks or DeviceHooks()
        self._offset = offset or ClockOffset()
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._random_fraction = random_fraction
        self._reconnection = Reconnection(
            grace_seconds=grace_seconds, random_fraction=random_fraction
        )
        self._changes = Changes()

    def changed(self) -> None:
        """Send the replica's new changes, now or after reconnecting."""
        self._changes.notify()
        self._hooks.on_change()

    async def run_once(self, act: Callable[[list[Device]], None]) -> None:
        """Register, catch up, call `act` with the devices, send its changes, and disconnect.

        `act` may change the replica. There are no retries. Raises ClientError.
        """
        async with self._open(self._offset) as connection:
            registered, _ = await self._register(connection)
            act(registered.devices)
            self.changed()
            await self._send_pending(connection)

    async def run(self) -> None:
        """Keep the replica in sync until cancelled. The first connection is attempted once.

        Raises ClientError if reconnection fails, and DeviceReplacedError if another connection
        registers as this device.
        """
        started, lost_at = False, None
        while True:
            try:
                async with self._open(self._offset) as connection:
                    registered, news = await self._register(connection)
                    now = self._clock.monotonic()
                    if lost_at is not None:
                        self._reconnection.reconnected(now)
                        self._hooks.on_reconnected(now - lost_at)
                    started, lost_at = True, None
                    self._hooks.on_devices(registered.devices)
                    self._hooks.on_caught_up(news)
                    await run_until_first_ends(
                        self._follow(connection), self._keep_sending(connection)
                    )
                    return
            except ClientError as fault:
                if not started:
                    raise
                now = self._clock.monotonic()
                is_new_loss = lost_at is None
                if lost_at is None:
                    lost_at = now
                    self._reconnection.connection_lost(now)
                delay = self._reconnection.delay_after(fault, None, now)
                if is_new_loss:
                    self._hooks.on_disconnected(
                        Disconnected(str(fault), self._reconnection.remaining(now))
                    )
            await self._sleep(delay)

    async def _register(self, connection: Connection) -> tuple[DeviceRegistered, list[SyncMessage]]:
        """Register the device, then read the snapshot; return the registration and the news.

        The order matters: later changes are pushed, earlier ones are in the snapshot.
        """
        await compare_clocks(connection)
        registered = await connection.register_device(
            self.replica.device_id, self._name, self._kind
        )
        return registered, await self._catch_up(connection)

    async def _catch_up(self, connection: Connection) -> list[SyncMessage]:
        since, cursor = self.replica.since, None
        news: list[SyncMessage] = []
        for _ in range(_MAX_PAGES):
            page = await connection.get_sync_snapshot(since, cursor)
            news += self.replica.apply_snapshot(page)
            cursor = page.cursor
            if cursor is None:
                self._hooks.on_change()
                return news
        raise ClientError(f"the service's state has more than {_MAX_PAGES} pages")

    async def _follow(self, connection: Connection) -> None:
        missed = connection.dropped_events
        async for event in connection.events():
            self._handle(event)
            if connection.dropped_events != missed:  # this consumer was too slow
                missed = connection.dropped_events
                self._hooks.on_caught_up(await self._catch_up(connection))

    def _handle(self, event: Event) -> None:
        match event:
            case Notification(message=SyncMessage() as message):
                if self.replica.apply(message):
                    self._hooks.on_change()
                    self._hooks.on_news(message)
            case Notification(message=DevicesChanged(devices=devices)):
                self._hooks.on_devices(devices)
            case Notification(message=DeviceReplaced()):
                raise DeviceReplacedError
            case _:
                self._hooks.on_event(event)

    async def _keep_sending(self, connection: Connection) -> None:
        while True:
            seen = self._changes.version
            await self._send_pending(connection)
            await self._changes.since(seen)

    async def _send_pending(self, connection: Connection) -> None:
        """Send pending changes until each is accepted or refused for good.

        If the connection is lost, the rest is sent over the next one.
        """
        restamped = False
        while pending := self.replica.pending:
            change = pending[0]
            try:
                reply = await self._send(connection, change)
            except RequestRefusedError as refused:
                if refused.code == ErrorCode.CLOCK_SKEW and not restamped:
                    # New timestamps need a fresh estimate of the service's clock.
                    restamped = True
                    await compare_clocks(connection)
                    self.replica.restamp()
                    continue
                if refused.retryable or refused.code == ErrorCode.DEVICE_NOT_REGISTERED:
                    raise
                self.replica.discard(change)
                self._hooks.on_refused(change, refused)
            else:
                self.replica.confirm(change, reply)
                self._hooks.on_accepted(change, reply)
            self._hooks.on_change()

    async def _send(self, connection: Connection, change: Sync) -> SyncAccepted:
        for seconds in _RETRY_SECONDS:
            try:
                return await connection.sync(change)
            except RequestRefusedError as refused:
                if not refused.retryable:
                    raise
            await self._sleep(self._random_fraction() * seconds)
        return await connection.sync(change)
