"""Device sync with refused messages, wrong clocks and an unavailable service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from client.connection.clock_offset import ClockOffset
from client.connection.websocket import Connection
from client.errors import (
    ClientError,
    DeviceReplacedError,
    ReconnectTimeoutError,
    RequestRefusedError,
    UnreachableError,
)
from client.flows.device_sync import DeviceSync
from client.protocol.events import Event, Notification
from client.protocol.replica import DeviceReplica
from shared.protocol.device_messages import DeviceRegistered, DeviceReplaced, Sync, SyncSnapshot
from shared.protocol.messages import HeartbeatAck
from tests.unit.client.support import T0, FakeClock, serving
from tests.unit.client.sync_devices import device, running
from tests.unit.client.sync_model import SyncModel, SyncService, refusal


async def test_what_is_refused_for_good_is_told_and_holds_nothing_up() -> None:
    service = SyncService()
    service.refusals = [refusal("INVALID_SYNC", 400, "positionSeconds: too far")]
    async with serving(service.handle) as url, running(device(url, "phone")) as phone:
        phone.replica.set_progress("film", 200, 100)
        phone.replica.add("film")
        phone.sync.changed()
        await phone.until("accepted")
        assert phone.of("refused") == ["INVALID_SYNC"]
        assert phone.replica.progress == {}
        assert phone.replica.watchlist == {"film"}


async def test_a_service_that_is_busy_is_asked_again_on_the_same_connection() -> None:
    service, clock = SyncService(), FakeClock()
    busy = refusal("UNAVAILABLE", 503, "later", retryable=True)
    service.refusals = [busy] * 3
    async with serving(service.handle) as url, running(device(url, "phone", clock)) as phone:
        phone.replica.add("film")
        phone.sync.changed()
        await phone.until("accepted")
        assert clock.ms == 3_500
        service.refusals = [busy] * 5
        phone.replica.remove("film")
        phone.sync.changed()
        await phone.until("accepted", 2)
    assert phone.line.opened == 2
    assert phone.replica.watchlist == frozenset()


async def test_what_was_said_by_a_clock_ahead_is_said_anew() -> None:
    service, wrong = SyncService(), FakeClock()
    wrong.advance(600_000)
    offline = DeviceReplica("phone", wrong.now_ms)
    offline.add("film")
    async with serving(service.handle) as url:
        made = device(url, "phone", saved=offline.saved())
        async with running(made) as phone:
            await phone.until("accepted")
            assert phone.replica.watchlist == {"film"}
            assert phone.of("refused") == []
    (item,) = service.model.items.values()
    assert item.hlc.wall_ms == service.model.now_ms


async def test_a_device_with_a_wrong_clock_speaks_by_the_services() -> None:
    service, wrong = SyncService(), FakeClock()
    wrong.advance(600_000)
    async with serving(service.handle) as url, running(device(url, "phone", wrong)) as phone:
        phone.replica.add("film")
        phone.sync.changed()
        await phone.until("accepted")
    assert service.actions().count("sync") == 1


async def test_a_return_is_tried_for_so_long() -> None:
    service, clock = SyncService(), FakeClock()
    async with serving(service.handle) as url:
        made = device(url, "phone", clock)
        task = asyncio.create_task(made.sync.run())
        await made.until("caught up")
        made.line.faults = [UnreachableError("gone")] * 100
        service.online["phone"].transport.abort()
        with pytest.raises(ReconnectTimeoutError):
            await task
    assert clock.ms == 60_000


async def test_the_first_connection_is_tried_once() -> None:
    made = device("ws://127.0.0.1:1", "phone")
    with pytest.raises(UnreachableError):
        await made.sync.run()
    assert made.line.opened == 1


async def test_doing_one_thing_sends_it_and_leaves() -> None:
    service, seen = SyncService(), list[list[str]]()
    async with serving(service.handle) as url, running(device(url, "laptop")) as laptop:
        phone = device(url, "phone")
        said: list[Sync] = []

        def act(devices: list[Any]) -> None:
            seen.append([it.device_id for it in devices])
            said.append(phone.replica.command("laptop", "play"))

        await phone.sync.run_once(act)
        assert phone.of("accepted") == said
        await laptop.until("news")
        await laptop.until("devices", 3)
        assert laptop.of("devices")[-1] == {"laptop": True, "phone": False}
        offline = device(url, "tablet")
        await offline.sync.run_once(
            lambda devices: said.append(offline.replica.command("phone", "x"))
        )
        assert offline.of("refused") == ["DEVICE_OFFLINE"]
    assert seen == [["laptop", "phone"]]


async def test_a_device_that_was_forgotten_says_so() -> None:
    service = SyncService()
    service.refusals = [refusal("DEVICE_NOT_REGISTERED", 409, "no device")]
    async with serving(service.handle) as url:
        made = device(url, "phone")
        made.replica.add("film")
        with pytest.raises(RequestRefusedError, match="DEVICE_NOT_REGISTERED"):
            await made.sync.run_once(lambda devices: None)
    assert len(made.replica.pending) == 1


async def test_a_snapshot_without_an_end_is_given_up() -> None:
    class Endless(SyncService):
        async def _getSyncSnapshot(self, connection: Any, request: dict[str, Any]) -> None:  # noqa: N802
            page = {"type": "syncSnapshot", "items": [], "cursor": "more", "timestamp": 1}
            await self._reply(connection, request, page)

    async with serving(Endless().handle) as url:
        with pytest.raises(ClientError, match="pages"):
            await device(url, "phone").sync.run()


class Hurried:
    """A connection whose consumer was too slow once: one message was dropped and counted."""

    def __init__(self, service: SyncModel, lost: Sync) -> None:
        self.dropped_events = 0
        self.snapshots = 0
        self._service = service
        self._lost = lost

    async def heartbeat(self) -> None:
        """Nothing to compare."""

    async def register_device(self, *device: object) -> DeviceRegistered:
        return DeviceRegistered(device_id="laptop", devices=[], timestamp=T0)

    async def get_sync_snapshot(self, since: int, cursor: str | None) -> SyncSnapshot:
        self.snapshots += 1
        return self._service.snapshot(since, cursor)

    async def events(self) -> AsyncIterator[Event]:
        self._service.sync("phone", self._lost)
        self.dropped_events = 1
        yield Notification(HeartbeatAck(timestamp=T0))
        yield Notification(DeviceReplaced(device_id="laptop"))


async def test_a_device_that_was_too_slow_catches_up() -> None:
    lost = DeviceReplica("phone", lambda: T0).add("film")
    connection = Hurried(SyncModel(), lost)

    @contextlib.asynccontextmanager
    async def opened(offset: ClockOffset) -> AsyncIterator[Connection]:
        yield cast("Connection", connection)

    replica = DeviceReplica("laptop", lambda: T0)
    with pytest.raises(DeviceReplacedError):
        await DeviceSync(replica, opened).run()
    assert replica.watchlist == {"film"}
    assert connection.snapshots == 2
