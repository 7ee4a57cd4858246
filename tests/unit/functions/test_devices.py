"""registerDevice and what tells a user's devices of each other."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from shared.models.delivery import Outcome
from tests.helpers.device_people import device_id, phone
from tests.helpers.interleaved import Interleaved
from tests.helpers.meddled import Meddled
from tests.helpers.tables import dynamodb
from tests.helpers.world import World


def online(devices: list[dict[str, Any]]) -> dict[str, bool]:
    return {item["deviceId"]: item["online"] for item in devices}


def last_change(world: World, connection: str) -> dict[str, bool]:
    return online(world.pushes(connection, "devicesChanged")[-1]["devices"])


def test_a_device_is_registered_under_its_name_and_the_others_are_told(world: World) -> None:
    first = phone(world, "alice", 1, name="Phone <1>", kind="phone")
    second = phone(world, "alice", 2, name="TV", kind="tv")

    both = [
        {"deviceId": device_id(1), "name": "Phone <1>", "kind": "phone", "online": True},
        {"deviceId": device_id(2), "name": "TV", "kind": "tv", "online": True},
    ]
    assert second.registered["devices"] == both
    assert first.heard(None) == [{"type": "devicesChanged", "devices": both}]
    assert second.heard(None) == []


def test_devices_of_others_are_nobodys_business(world: World) -> None:
    alice = phone(world, "alice", 1)
    bob = phone(world, "bob", 1)

    assert online(bob.registered["devices"]) == {device_id(1): True}
    assert alice.heard(None) == []


def test_the_newer_connection_is_the_device_and_the_older_one_is_told_and_closed(
    world: World,
) -> None:
    tv = phone(world, "alice", 2)
    old = phone(world, "alice", 1, name="Phone")
    new = phone(world, "alice", 1)

    assert old.heard("deviceReplaced") == [{"type": "deviceReplaced", "deviceId": device_id(1)}]
    assert world.sender.deleted == [old.connection]
    # What is left out stays as it was.
    assert new.registered["devices"][0]["name"] == "Phone"
    # Its farewell comes late, and is of no effect.
    before = len(tv.heard("devicesChanged"))
    world.disconnect(old.connection)
    assert len(tv.heard("devicesChanged")) == before
    assert tv.watch("film")["delivered"] == 1
    assert len(new.heard()) == 1
    assert old.heard() == []


def test_a_replaced_connection_is_no_device_any_more(world: World) -> None:
    old = phone(world, "alice", 1)
    phone(world, "alice", 1)

    assert old.watch("film")["code"] == "DEVICE_NOT_REGISTERED"


def test_registering_again_on_the_same_connection_closes_nothing(world: World) -> None:
    one = phone(world, "alice", 1, name="Phone")

    again = world.ask(one.connection, "registerDevice", deviceId=device_id(1), name="Mine")

    assert again["devices"][0]["name"] == "Mine"
    assert world.sender.deleted == []
    assert one.heard(None) == []


def test_a_connection_is_one_device_at_a_time(world: World) -> None:
    tv = phone(world, "alice", 9)
    one = phone(world, "alice", 1)

    reply = world.ask(one.connection, "registerDevice", deviceId=device_id(2))

    expected = {device_id(1): False, device_id(2): True, device_id(9): True}
    assert online(reply["devices"]) == last_change(world, tv.connection) == expected
    assert one.watch("film")["type"] == "syncAccepted"
    assert tv.heard()[-1]["originDeviceId"] == device_id(2)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("commands_first", [False, True])
def test_who_has_spoken_as_one_device_speaks_as_the_other_from_then_on(
    world: World, *, elsewhere: bool, commands_first: bool
) -> None:
    """Also to an instance that has not heard of the change, and to who is the former device now."""
    tv, one = phone(world, "alice", 9), phone(world, "alice", 1)
    one.watch("film")

    with world.another_instance("device_sync") if elsewhere else nullcontext():
        world.ask(one.connection, "registerDevice", deviceId=device_id(2))
        former = phone(world, "alice", 1)

    if commands_first:
        assert one.command(device_id(1))["delivered"] == 1
        assert former.heard()[-1]["originDeviceId"] == device_id(2)
    assert one.watch("song")["delivered"] == 2
    for other in (tv, former):
        assert other.heard()[-1]["originDeviceId"] == device_id(2)
    assert one.command(device_id(2))["code"] == "INVALID_SYNC"


def test_who_was_replaced_elsewhere_commands_nobody(world: World) -> None:
    tv, one = phone(world, "alice", 9), phone(world, "alice", 1)
    one.watch("film")
    heard = len(tv.heard())

    with world.another_instance("device_sync"):
        phone(world, "alice", 1)

    assert one.command(tv.device_id)["code"] == "DEVICE_NOT_REGISTERED"
    assert len(tv.heard()) == heard


def test_ids_are_the_same_in_either_case(world: World) -> None:
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
def test_fields_out_of_their_domain(
    world: World, fields: dict[str, Any], code: str, text: str
) -> None:
    connection = world.connect("alice")
    given = {"deviceId": device_id(1), **fields} if fields else {}

    reply = world.ask(connection, "registerDevice", **given)

    assert reply["code"] == code
    assert reply["message"].startswith(text)


def test_the_longest_names_are_kept_as_they_are(world: World) -> None:
    name = "\N{GRINNING FACE}" * 63 + "\0"

    reply = phone(world, "alice", name=name, kind="x" * 32).registered

    assert reply["devices"][0]["name"] == name


@pytest.mark.parametrize("action", ["registerDevice", "getSyncSnapshot", "sync"])
def test_nobody_has_no_devices(world: World, action: str) -> None:
    hlc = {"wallMs": 1, "counter": 0, "node": "x"}
    sync = {"kind": "watchlistUpdate", "hlc": hlc, "contentId": "x", "operation": "add"}

    reply = world.ask(world.connect(), action, deviceId=device_id(1), **sync)

    assert (reply["status"], reply["code"]) == (401, "AUTHENTICATION_REQUIRED")


def test_whoever_disconnects_is_offline_and_the_others_are_told_once(world: World) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)

    world.disconnect(second.connection)
    world.disconnect(second.connection)

    assert last_change(world, first.connection) == {device_id(1): True, device_id(2): False}
    assert len(first.heard("devicesChanged")) == 2


def test_who_is_found_gone_by_the_news_is_part_of_the_next_news(world: World) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)
    world.sender.gone.add(second.connection)

    phone(world, "alice", 3)

    expected = {device_id(1): True, device_id(2): False, device_id(3): True}
    assert last_change(world, first.connection) == expected
    # Its connection is cleaned up after, too.
    assert world.clean_ups.asked == [{"connectionId": second.connection}]
    assert world.connections.get(second.connection) is None


def test_news_that_always_finds_somebody_gone_comes_to_an_end(world: World) -> None:
    for number in range(1, 9):
        phone(world, "alice", number)
    for number in range(1, 8):
        world.sender.script(f"c{number}", *[Outcome.SENT] * (number - 1), Outcome.GONE)
    posts = len(world.sender.posts)

    phone(world, "alice", 9)

    # One more is gone each time: 8 are told, then 7, then 6.
    assert len(world.sender.posts) - posts == 8 + 7 + 6


def test_news_that_are_overtaken_by_newer_ones_are_told_anew(world: World) -> None:
    """Somebody leaves, and all are told, after another instance has read who is there and before it
    tells them.
    """
    sender: Any = Meddled(world.sender)
    world.sender = sender
    world.use_dynamodb(dynamodb())
    watcher, leaving = phone(world, "alice", 100), phone(world, "alice", 1)
    sender.before["post_batches"] = partial(world.disconnect, leaving.connection)

    newcomer = phone(world, "alice", 2)

    truth = {device_id(1): False, device_id(2): True, device_id(100): True}
    assert last_change(world, watcher.connection) == truth
    assert online(newcomer.registered["devices"]) == truth


def test_a_device_too_many_takes_the_place_of_the_one_that_is_offline_for_longest(
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


def test_a_connection_that_is_over_does_not_become_a_device(world: World) -> None:
    """Its farewell came first, while the request was on its way."""
    first = phone(world, "alice", 1)
    late = world.connect("alice")
    world.disconnect(late)

    reply = world.ask(late, "registerDevice", deviceId=device_id(2))

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    world.disconnect(first.connection)
    devices = phone(world, "alice", 3).registered["devices"]
    assert online(devices) == {device_id(1): False, device_id(2): False, device_id(3): True}


def test_a_farewell_between_any_two_calls_leaves_nobody_online(world: World) -> None:
    """Whenever it comes, in the end the device is offline, at the latest after a minute's pass."""
    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    watcher = phone(world, "alice", 100)
    for calls in range(12):
        leaving = world.connect("alice")
        database.interrupt(partial(world.disconnect, leaving), after=calls)
        world.ask(leaving, "registerDevice", deviceId=device_id(calls + 1))
        if database.cancel():
            world.disconnect(leaving)
            assert calls > 3, "nothing was interrupted"
            break
        world.presence()
        devices = world.ask(watcher.connection, "registerDevice", deviceId=watcher.device_id)[
            "devices"
        ]
        assert online(devices).get(device_id(calls + 1), False) is False, calls
    else:
        pytest.fail("registering makes more calls than were tried")


def test_those_whose_connection_is_not_known_any_more_go_offline_by_the_clock(
    world: World,
) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)
    phone(world, "bob", 1)
    world.connections.delete(second.connection)

    world.presence()

    assert world.telemetry.counts["ConnectedDevices"] == 3
    assert world.telemetry.counts["ConnectedUsers"] == 2
    assert last_change(world, first.connection) == {device_id(1): True, device_id(2): False}
    told = len(first.heard("devicesChanged"))
    world.presence()
    assert world.telemetry.counts["ConnectedDevices"] == 3 + 2
    assert len(first.heard("devicesChanged")) == told


def test_more_than_a_hundred_devices_are_looked_at(world: World) -> None:
    for number in range(130):
        phone(world, f"user-{number}", 1)
    watcher = phone(world, "user-77", 2)
    world.connections.delete("c78")

    world.presence()

    assert world.telemetry.counts["ConnectedDevices"] == 131
    assert last_change(world, watcher.connection) == {device_id(1): False, device_id(2): True}


class Late:
    """A context of an invocation whose time is nearly up."""

    def get_remaining_time_in_millis(self) -> int:
        return 2_000


def test_a_pass_stops_in_time(world: World) -> None:
    phone(world, "alice", 1)

    world.call("device_sync", {}, Late())

    assert world.telemetry.counts["ConnectedDevices"] == 1
    assert world.telemetry.warnings == ["pass over devices cut short"]


def test_anonymous_farewells_do_not_look_for_devices(world: World) -> None:
    counted = Interleaved(dynamodb())
    world.use_dynamodb(counted)
    listener = world.connect()
    reached: list[str] = []
    # The row is read, then deleted: nothing comes after.
    counted.interrupt(lambda: reached.append("a third call"), after=2)

    world.disconnect(listener)

    assert counted.cancel()
    assert reached == []


def test_if_devices_cannot_be_reached_everything_else_of_a_farewell_goes_on(
    world: World,
) -> None:
    _, session_id = world.create_session()
    listener = world.connect("lisa")
    world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
    phone(world, "lisa", 1)
    assert world.session(session_id).listener_count == 1
    dynamodb().delete_table(TableName="devices")

    world.disconnect(listener)

    assert world.session(session_id).listener_count == 0
    assert world.connections.get(listener) is None
    assert world.telemetry.counts["DevicesUnavailable"] == 1


def test_requests_are_signs_of_life(world: World) -> None:
    one = phone(world, "alice", 1)
    connected_at = world.clock.now_ms()
    world.clock.advance(100_000)
    context = {
        "connectionId": one.connection,
        "connectedAt": connected_at,
        "requestTimeEpoch": world.clock.now_ms(),
        "authorizer": {"userId": "alice"},
    }

    world.call("device_sync", {"requestContext": context, "body": '{"action": "getSyncSnapshot"}'})

    connection = world.connections.get(one.connection)
    assert connection is not None
    assert connection.last_activity_time == world.clock.now_ms()
