"""registerDevice, and devicesChanged to the user's other devices."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from tests.helpers.phones import device_id, last_change, online, phone
from tests.helpers.world import World


def test_registering_notifies_the_other_devices(world: World) -> None:
    first = phone(world, "alice", 1, name="Phone <1>", kind="phone")
    second = phone(world, "alice", 2, name="TV", kind="tv")

    both = [
        {"deviceId": device_id(1), "name": "Phone <1>", "kind": "phone", "online": True},
        {"deviceId": device_id(2), "name": "TV", "kind": "tv", "online": True},
    ]
    assert second.registered["devices"] == both
    assert first.received(None) == [{"type": "devicesChanged", "devices": both}]
    assert second.received(None) == []


def test_devices_of_other_users_are_invisible(world: World) -> None:
    alice = phone(world, "alice", 1)
    bob = phone(world, "bob", 1)

    assert online(bob.registered["devices"]) == {device_id(1): True}
    assert alice.received(None) == []


def test_a_newer_connection_replaces_and_closes_the_older_one(
    world: World,
) -> None:
    tv = phone(world, "alice", 2)
    old = phone(world, "alice", 1, name="Phone")
    new = phone(world, "alice", 1)

    assert old.received("deviceReplaced") == [{"type": "deviceReplaced", "deviceId": device_id(1)}]
    assert world.sender.deleted == [old.connection]
    # Missing fields keep their values.
    assert new.registered["devices"][0]["name"] == "Phone"
    # Its late $disconnect has no effect.
    before = len(tv.received("devicesChanged"))
    world.disconnect(old.connection)
    assert len(tv.received("devicesChanged")) == before
    assert tv.watch("film")["delivered"] == 1
    assert len(new.received()) == 1
    assert old.received() == []


def test_a_replaced_connection_is_no_longer_registered(world: World) -> None:
    old = phone(world, "alice", 1)
    phone(world, "alice", 1)

    assert old.watch("film")["code"] == "DEVICE_NOT_REGISTERED"


def test_registering_again_on_the_same_connection_closes_nothing(world: World) -> None:
    one = phone(world, "alice", 1, name="Phone")

    again = world.ask(one.connection, "registerDevice", deviceId=device_id(1), name="Mine")

    assert again["devices"][0]["name"] == "Mine"
    assert world.sender.deleted == []
    assert one.received(None) == []


def test_a_connection_is_one_device_at_a_time(world: World) -> None:
    tv = phone(world, "alice", 9)
    one = phone(world, "alice", 1)

    reply = world.ask(one.connection, "registerDevice", deviceId=device_id(2))

    expected = {device_id(1): False, device_id(2): True, device_id(9): True}
    assert online(reply["devices"]) == last_change(world, tv.connection) == expected
    assert one.watch("film")["type"] == "syncAccepted"
    assert tv.received()[-1]["originDeviceId"] == device_id(2)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("commands_first", [False, True])
def test_syncs_come_from_the_new_device_after_a_change(
    world: World, *, elsewhere: bool, commands_first: bool
) -> None:
    """Even if another instance made the change, and another connection is now the old device."""
    tv, one = phone(world, "alice", 9), phone(world, "alice", 1)
    one.watch("film")

    with world.another_instance("device_sync") if elsewhere else nullcontext():
        world.ask(one.connection, "registerDevice", deviceId=device_id(2))
        former = phone(world, "alice", 1)

    if commands_first:
        assert one.command(device_id(1))["delivered"] == 1
        assert former.received()[-1]["originDeviceId"] == device_id(2)
    assert one.watch("song")["delivered"] == 2
    for other in (tv, former):
        assert other.received()[-1]["originDeviceId"] == device_id(2)
    assert one.command(device_id(2))["code"] == "INVALID_SYNC"


def test_a_connection_replaced_by_another_instance_cannot_command(world: World) -> None:
    tv, one = phone(world, "alice", 9), phone(world, "alice", 1)
    one.watch("film")
    heard = len(tv.received())

    with world.another_instance("device_sync"):
        phone(world, "alice", 1)

    assert one.command(tv.device_id)["code"] == "DEVICE_NOT_REGISTERED"
    assert len(tv.received()) == heard


def test_device_ids_are_case_insensitive(world: World) -> None:
    connection = world.connect("alice")

    reply = world.ask(connection, "registerDevice", deviceId="3F2B8C1E-5A4D-4E6F-9B7A-0C1D2E3F4A5B")

    assert reply["deviceId"] == "3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({}, "INVALID_MESSAGE", "deviceId: missing"),
        ({"deviceId": "phone"}, "INVALID_DEVICE", "deviceId: not a UUID"),
        ({"deviceId": "{" + device_id(1) + "}"}, "INVALID_DEVICE", "deviceId: not a UUID"),
        ({"name": "x" * 65}, "INVALID_DEVICE", "name: 65 characters"),
        ({"kind": "x" * 33}, "INVALID_DEVICE", "kind: 33 characters"),
        ({"since": -1}, "INVALID_MESSAGE", "since: "),
    ],
)
def test_invalid_fields_are_refused(
    world: World, fields: dict[str, Any], code: str, text: str
) -> None:
    connection = world.connect("alice")
    given = {"deviceId": device_id(1), **fields} if fields else {}

    reply = world.ask(connection, "registerDevice", **given)

    assert reply["code"] == code
    assert reply["message"].startswith(text)


def test_the_longest_names_are_kept_unchanged(world: World) -> None:
    name = "\N{GRINNING FACE}" * 63 + "\0"

    reply = phone(world, "alice", name=name, kind="x" * 32).registered

    assert reply["devices"][0]["name"] == name


@pytest.mark.parametrize("action", ["registerDevice", "getSyncSnapshot", "sync"])
def test_anonymous_callers_are_refused(world: World, action: str) -> None:
    hlc = {"wallMs": 1, "counter": 0, "node": "x"}
    sync = {"kind": "watchlistUpdate", "hlc": hlc, "contentId": "x", "operation": "add"}

    reply = world.ask(world.connect(), action, deviceId=device_id(1), **sync)

    assert (reply["status"], reply["code"]) == (401, "AUTHENTICATION_REQUIRED")


def test_a_new_device_replaces_the_one_offline_longest_at_the_limit(
    world: World,
) -> None:
    phones = [phone(world, "alice", number) for number in range(1, 51)]
    reply = world.ask(world.connect("alice"), "registerDevice", deviceId=device_id(51))
    assert reply["code"] == "INVALID_DEVICE"
    assert reply["message"].startswith("deviceId: the user has 50 devices")

    for number in (7, 3):
        world.disconnect(phones[number - 1].connection)
        world.clock.advance(1_000)
    devices = phone(world, "alice", 51).registered["devices"]

    assert len(devices) == 50
    assert device_id(7) not in online(devices)
    assert online(devices)[device_id(3)] is False
