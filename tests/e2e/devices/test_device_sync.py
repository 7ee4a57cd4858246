"""Device sync on the whole stack, with three workers of each function."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import AsyncExitStack
from typing import Any

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients
from tests.e2e.support.devices import (
    Device,
    check_presence,
    device,
    new_user,
    now_ms,
    put_device,
    registered,
)
from tests.e2e.support.operator import Operator
from tests.helpers.wire import Message

STRANGE = '<img src=x onerror="alert(1)">\0\x1b]0;t\x07\u202e\N{GRINNING FACE}'

LISTED = {"kind": "watchlistUpdate", "contentId": "x", "operation": "add"}
WATCHED = {
    "kind": "progressUpdate",
    "contentId": "x",
    "positionSeconds": 5,
    "durationSeconds": 60,
}
ID = str(uuid.UUID(int=7))


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


async def devices_of(
    clients: StackClients, opened: AsyncExitStack, user: str, count: int
) -> list[Device]:
    return [await opened.enter_async_context(device(clients, user)) for _ in range(count)]


def contents(messages: list[Message]) -> list[str]:
    return sorted(message["contentId"] for message in messages)


async def test_messages_reach_the_other_devices_unchanged(clients: StackClients) -> None:
    async with AsyncExitStack() as opened:
        user = new_user()
        one, two, three = await devices_of(clients, opened, user, 3)
        (stranger,) = await devices_of(clients, opened, new_user(), 1)

        added = await one.sync("watchlistUpdate", contentId=STRANGE, operation="add")
        moved = await two.watch("film", 12.5)
        handed_off = await one.command(
            three, "handoff", arguments={STRANGE: [STRANGE, 10**25, 0.1]}
        )

        assert [reply["delivered"] for reply in (added, moved, handed_off)] == [2, 2, 1]
        for hearer in (two, three):
            heard = await hearer.next_sync_message()
            assert (heard["contentId"], heard["originDeviceId"]) == (STRANGE, one.device_id)
        assert (await one.next_sync_message())["positionSeconds"] == 12.5
        commanded = await three.wire.expect(lambda message: message.get("command") == "handoff")
        assert commanded["arguments"] == {STRANGE: [STRANGE, 10**25, 0.1]}
        for nobody in (one, two, stranger):
            rest = [item for item in await nobody.wire.drained() if item["type"] == "syncMessage"]
            assert rest == []
        assert contents(await stranger.snapshot()) == []
        assert contents(await three.snapshot()) == sorted([STRANGE, "film"])


async def test_the_newer_connection_wins(clients: StackClients) -> None:
    user, shared = new_user(), str(uuid.uuid4())
    async with device(clients, user) as other, device(clients, user, shared) as old:
        async with device(clients, user, shared) as new:
            assert (await old.wire.expect("deviceReplaced"))["deviceId"] == shared
            assert await old.wire.closed() == 1000
            assert (await other.watch("film"))["delivered"] == 1
            assert (await new.next_sync_message())["contentId"] == "film"
        await other.wait_for_presence(shared, online=False)


async def test_twenty_publishers_at_once(clients: StackClients) -> None:
    """Four users with five devices each, which all send five updates and one about one content."""
    async with AsyncExitStack() as opened:
        homes = [await devices_of(clients, opened, new_user(), 5) for _ in range(4)]

        async def talk(speaker: Device) -> None:
            for number in range(5):
                reply = await speaker.watch(f"{speaker.device_id}/{number}")
                assert (reply["applied"], reply["delivered"]) == (True, 4)
            await speaker.sync("watchlistUpdate", contentId="same", operation="add")

        await asyncio.gather(*(talk(speaker) for home in homes for speaker in home))

        for home in homes:
            said = {f"{one.device_id}/{number}" for one in home for number in range(5)}
            states = []
            for hearer in home:
                of_others = sorted(item for item in said if not item.startswith(hearer.device_id))
                heard = [
                    await hearer.wire.expect(
                        lambda message: (
                            message.get("kind") == "progressUpdate"
                            and message["type"] == "syncMessage"
                        )
                    )
                    for _ in of_others
                ]
                assert contents(heard) == of_others
                rest = await hearer.wire.drained()
                assert {item["contentId"] for item in rest if "contentId" in item} <= {"same"}
                states.append(await hearer.snapshot())
            assert contents(states[0]) == sorted([*said, "same"])
            assert all(state == states[0] for state in states)


async def test_the_latest_of_concurrent_updates_wins(clients: StackClients) -> None:
    async with AsyncExitStack() as opened:
        devices = await devices_of(clients, opened, new_user(), 5)
        now = now_ms()

        def said(number: int) -> Message:
            hlc = {"wallMs": now, "counter": number, "node": "x"}
            return {**WATCHED, "positionSeconds": number, "hlc": hlc}

        answered = await asyncio.gather(
            *(
                one.sync_concurrently([said((number + 3) % 5), said(number + 5)])
                for number, one in enumerate(devices)
            )
        )

        for reply in (reply for replies in answered for reply in replies):
            assert reply["applied"] or reply["current"]["positionSeconds"] > 0
        (item,) = await devices[0].snapshot()
        assert (item["positionSeconds"], item["hlc"]["counter"]) == (9, 9)


async def test_a_vanished_device_is_skipped_from_then_on(
    clients: StackClients, endpoints: Endpoints
) -> None:
    user = new_user()
    async with device(clients, user) as one, device(clients, user) as two:
        ghost = await put_device(Operator(endpoints), user)

        assert (await one.watch("film"))["delivered"] == 1
        await two.wait_for_presence(ghost, online=False)
        assert (await one.watch("series"))["delivered"] == 1


async def test_a_device_that_disconnects_during_a_burst_does_not_hold_it_up(
    clients: StackClients,
) -> None:
    user = new_user()
    async with AsyncExitStack() as opened:
        one, two = await devices_of(clients, opened, user, 2)
        async with device(clients, user) as breaking:
            for number in range(20):
                assert (await one.watch(f"film-{number}"))["delivered"] in {1, 2}
                if number == 10:
                    breaking.wire.socket.transport.abort()
            await two.wait_for_presence(breaking.device_id, online=False)

        heard = [(await two.next_sync_message())["contentId"] for _ in range(20)]
        assert sorted(heard) == sorted(f"film-{number}" for number in range(20))
        async with device(clients, user, breaking.device_id) as back:
            assert len(await back.snapshot()) == 20


async def test_a_handoff_to_an_offline_device(clients: StackClients) -> None:
    user = new_user()
    async with device(clients, user) as one:
        async with device(clients, user) as away:
            await one.wait_for_presence(away.device_id, online=True)
        await one.wait_for_presence(away.device_id, online=False)
        handoff = {"command": "handoff", "commandId": str(uuid.uuid4())}

        assert_error(
            await one.command(away, **handoff), "DEVICE_OFFLINE", "sync", "targetDeviceId: "
        )
        await assert_alive(one.wire)
        async with device(clients, user, away.device_id) as back:
            assert (await one.command(away, **handoff))["delivered"] == 1
            assert (await one.command(away, **handoff))["delivered"] == 1
            assert (await back.next_sync_message())["command"] == "handoff"
            assert "syncMessage" not in [item["type"] for item in await back.wire.drained()]


async def test_a_snapshot_of_several_pages_contains_every_change_once(
    clients: StackClients,
) -> None:
    user = new_user()
    async with device(clients, user) as one:
        # Ids of the maximum length, with six bytes a character in JSON.
        names = [f"{number:03d}" + "\x01" * 125 for number in range(40)]
        await one.sync_concurrently([{**LISTED, "contentId": name} for name in names])
        async with device(clients, user, since=0) as back:
            pushed = await back.wire.expect("syncSnapshot")
            pages = await back.pages()

            assert pushed["items"] == pages[0]["items"]
            assert len(pages) >= 2
            assert contents([item for page in pages for item in page["items"]]) == names
            for page in pages:
                text = json.dumps(page, separators=(",", ":"), ensure_ascii=False)
                assert len(text.encode()) <= 24 * 1024
            assert await back.snapshot(since=now_ms() + 61_000) == []


async def test_a_repeated_message_is_answered_twice_and_applied_once(clients: StackClients) -> None:
    user = new_user()
    async with device(clients, user) as one, device(clients, user) as two:
        hlc = one.clock()
        replies = await one.sync_concurrently([{**WATCHED, "hlc": hlc} for _ in range(4)])

        assert all((reply["applied"], reply["delivered"]) == (True, 1) for reply in replies)
        heard = [await two.next_sync_message() for _ in range(4)]
        assert {item["hlc"]["counter"] for item in heard} == {hlc["counter"]}
        late = await two.watch("x", 1, hlc={**hlc, "wallMs": hlc["wallMs"] - 1})
        assert (late["applied"], late["current"]["positionSeconds"]) == (False, 5)


async def test_a_device_that_vanished_unnoticed_is_found_by_the_schedule(
    clients: StackClients, endpoints: Endpoints
) -> None:
    operator, user = Operator(endpoints), new_user()
    ghost = await put_device(operator, user)
    async with device(clients, user) as one:
        # The first notices were about its own registration.
        ghost_too = await put_device(operator, user)

        await check_presence(operator)

        await one.wait_for_presence(ghost_too, online=False)
        again = await registered(one.wire, one.device_id)
        states = {item["deviceId"]: item["online"] for item in again.registered["devices"]}
        assert states == {one.device_id: True, ghost: False, ghost_too: False}


async def test_users_cannot_reach_each_others_devices_or_state(clients: StackClients) -> None:
    async with (
        device(clients, new_user()) as alice,
        device(clients, new_user(), alice.device_id) as mallory,
    ):
        names = [f"{number:03d}" + "\x01" * 125 for number in range(40)]
        for name in names:
            await alice.watch(name)
        cursor = (await alice.wire.ask("getSyncSnapshot"))["cursor"]

        assert (await mallory.wire.ask("getSyncSnapshot", cursor=cursor))["items"] == []
        assert (await mallory.watch(names[0], 7_000))["delivered"] == 0
        assert_error(
            await mallory.command(Device(alice.wire, str(uuid.uuid4()), {})),
            "DEVICE_NOT_FOUND",
            "sync",
            "targetDeviceId: ",
        )
        assert len(mallory.registered["devices"]) == 1
        assert {item["positionSeconds"] for item in await alice.snapshot()} == {1}
        assert not [
            item for item in await alice.wire.drained() if item["type"] not in {"devicesChanged"}
        ]


@pytest.mark.parametrize(
    ("action", "fields", "code", "field"),
    [
        ("registerDevice", {"deviceId": "phone"}, "INVALID_DEVICE", "deviceId: "),
        ("registerDevice", {"deviceId": ID, "name": "x" * 65}, "INVALID_DEVICE", "name: "),
        ("sync", {**LISTED, "contentId": ""}, "INVALID_SYNC", "contentId: "),
        ("sync", {**LISTED, "operation": "has"}, "INVALID_MESSAGE", "operation: "),
        ("sync", {"hlc": {"wallMs": 2**52, "counter": 0, "node": "x"}}, "CLOCK_SKEW", "hlc."),
        ("getSyncSnapshot", {"cursor": "x"}, "INVALID_SYNC", "cursor: "),
        ("getSyncSnapshot", {"since": "x"}, "INVALID_MESSAGE", "since: "),
    ],
)
async def test_errors(
    clients: StackClients, action: str, fields: dict[str, Any], code: str, field: str
) -> None:
    async with device(clients, new_user()) as one:
        given = {**LISTED, "hlc": one.clock(), **fields} if action == "sync" else fields

        assert_error(await one.wire.ask(action, **given), code, action, field)
        await assert_alive(one.wire)
        assert (await one.sync(**LISTED))["applied"] is True


async def test_a_message_that_is_too_large(clients: StackClients) -> None:
    async with device(clients, new_user()) as one:
        await one.wire.send({"action": "sync", "padding": "x" * 4_096})

        assert_error(await one.wire.expect("error"), "MESSAGE_TOO_LARGE", "sync", "message: ")
        await assert_alive(one.wire)


async def test_anonymous_and_unregistered_connections_are_refused(clients: StackClients) -> None:
    hlc = {"wallMs": 1, "counter": 0, "node": "x"}
    async with clients.connection() as nobody, clients.connection(new_user()) as user:
        for action, fields in (
            ("registerDevice", {"deviceId": ID}),
            ("sync", {**LISTED, "hlc": hlc}),
            ("getSyncSnapshot", {}),
        ):
            reply = await nobody.ask(action, **fields)
            assert_error(reply, "AUTHENTICATION_REQUIRED", action, f"{action}: ")
        reply = await user.ask("sync", **LISTED, hlc=hlc)
        assert_error(reply, "DEVICE_NOT_REGISTERED", "sync", "sync: ")
