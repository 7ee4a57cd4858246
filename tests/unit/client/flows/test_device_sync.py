"""Device sync over connections that are lost, against a service in memory."""

from __future__ import annotations

import asyncio

import pytest

from client.errors import DeviceReplacedError, UnreachableError
from tests.unit.client.support import FakeClock, serving
from tests.unit.client.sync_devices import device, running
from tests.unit.client.sync_model import PAGE_ITEMS, SyncService


async def test_two_devices_hear_of_each_other() -> None:
    service = SyncService()
    async with (
        serving(service.handle) as url,
        running(device(url, "phone")) as phone,
        running(device(url, "laptop")) as laptop,
    ):
        await phone.until("devices", 2)
        assert phone.of("devices") == [{"phone": True}, {"phone": True, "laptop": True}]
        phone.replica.add("film")
        phone.sync.changed()
        await laptop.until("news")
        assert laptop.replica.watchlist == {"film"}
        laptop.replica.command("phone", "pause", {"position": 3})
        laptop.sync.changed()
        await phone.until("news")
    (command,) = phone.of("news")
    assert (command.command, command.arguments) == ("pause", {"position": 3})
    assert phone.of("refused") == laptop.of("refused") == []


async def test_a_device_catches_up_page_by_page_and_the_next_time_only_with_what_is_new() -> None:
    service = SyncService()
    contents = {f"film-{number}" for number in range(PAGE_ITEMS * 2 + 1)}
    async with serving(service.handle) as url:
        async with running(device(url, "phone")) as phone:
            for content in contents:
                phone.replica.add(content)
            phone.sync.changed()
            await phone.until("accepted", len(contents))
        service.model.now_ms += 100_000
        async with running(device(url, "laptop")) as laptop:
            assert laptop.replica.watchlist == contents
            assert service.actions().count("getSyncSnapshot") == 1 + 3
            saved = laptop.replica.saved()
        async with running(device(url, "laptop", saved=saved)) as again:
            assert again.replica.watchlist == contents
            assert again.of("caught up") == [[]]
    asked = [it for it in service.requests if it["action"] == "getSyncSnapshot"][-1]
    assert asked["since"] == service.model.now_ms
    assert len([it for it in service.requests if it["action"] == "getSyncSnapshot"]) == 1 + 3 + 1


async def test_what_got_no_answer_is_sent_again_after_the_return() -> None:
    service, clock = SyncService(), FakeClock()
    async with (
        serving(service.handle) as url,
        running(device(url, "phone", clock)) as phone,
        running(device(url, "laptop")) as laptop,
    ):
        service.silent = True
        phone.replica.add("film")
        phone.sync.changed()
        await phone.until("returned")
        assert phone.of("away") == [60]
        await phone.until("accepted")
        assert phone.replica.pending == []
        await laptop.until("news")
        await laptop.until("devices", 3)  # the phone went, and came back
    assert len(laptop.of("news")) == 1
    syncs = [it for it in service.requests if it["action"] == "sync"]
    assert len(syncs) == 2
    assert syncs[0]["hlc"] == syncs[1]["hlc"]


async def test_what_is_done_while_away_is_sent_and_what_was_missed_is_news() -> None:
    service, clock = SyncService(), FakeClock()
    async with serving(service.handle) as url:
        phone = device(url, "phone", clock)
        phone.line.faults = [UnreachableError("gone")] * 3
        async with running(device(url, "laptop")) as laptop, running(phone):
            service.online["phone"].transport.abort()
            await phone.until("away")
            phone.replica.add("mine")
            phone.sync.changed()
            laptop.replica.add("theirs")
            laptop.sync.changed()
            await phone.until("accepted")
            await laptop.until("news")
            await phone.until("devices", 2)
            assert phone.replica.watchlist == laptop.replica.watchlist == {"mine", "theirs"}
    assert phone.line.faults == []


async def test_a_device_that_was_replaced_does_not_come_back() -> None:
    service = SyncService()
    async with serving(service.handle) as url:
        former = device(url, "phone")
        task = asyncio.create_task(former.sync.run())
        await former.until("caught up")
        async with running(device(url, "phone")) as newer:
            with pytest.raises(DeviceReplacedError):
                await task
            newer.replica.add("film")
            newer.sync.changed()
            await newer.until("accepted")
    assert former.line.opened == 1
    assert former.of("away") == []
