"""Presence of devices: by $disconnect, by fan-outs, and by the presence check."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from shared.models.delivery import Outcome
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.phones import device_id, last_change, online, phone
from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World


def test_a_disconnect_takes_the_device_offline_and_notifies_once(world: World) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)

    world.disconnect(second.connection)
    world.disconnect(second.connection)

    assert last_change(world, first.connection) == {device_id(1): True, device_id(2): False}
    assert len(first.received("devicesChanged")) == 2


def test_a_device_found_gone_by_devices_changed_causes_another_one(world: World) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)
    world.sender.gone.add(second.connection)

    phone(world, "alice", 3)

    expected = {device_id(1): True, device_id(2): False, device_id(3): True}
    assert last_change(world, first.connection) == expected
    # Its connection is cleaned up too.
    assert world.clean_ups.events == [{"connectionId": second.connection}]
    assert world.connections.get(second.connection) is None


def test_the_number_of_devices_changed_rounds_is_limited(world: World) -> None:
    for number in range(1, 9):
        phone(world, "alice", number)
    for number in range(1, 8):
        world.sender.script(f"c{number}", *[Outcome.SENT] * (number - 1), Outcome.GONE)
    posts = len(world.sender.posts)

    phone(world, "alice", 9)

    # One more is gone each time: 8 posts, then 7, then 6.
    assert len(world.sender.posts) - posts == 8 + 7 + 6


def test_an_overtaken_devices_changed_is_sent_again(world: World) -> None:
    """A device disconnects between another instance's read of the devices and its push."""
    sender: Any = RaceProxy(world.sender)
    world.sender = sender
    world.use_dynamodb(dynamodb())
    watcher, leaving = phone(world, "alice", 100), phone(world, "alice", 1)
    sender.before["post_batches"] = partial(world.disconnect, leaving.connection)

    newcomer = phone(world, "alice", 2)

    sender.assert_no_hooks_left()
    truth = {device_id(1): False, device_id(2): True, device_id(100): True}
    assert last_change(world, watcher.connection) == truth
    assert online(newcomer.registered["devices"]) == truth


def test_a_closed_connection_cannot_register(world: World) -> None:
    """Its $disconnect came while the request was on its way."""
    first = phone(world, "alice", 1)
    late = world.connect("alice")
    world.disconnect(late)

    reply = world.ask(late, "registerDevice", deviceId=device_id(2))

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    world.disconnect(first.connection)
    devices = phone(world, "alice", 3).registered["devices"]
    assert online(devices) == {device_id(1): False, device_id(3): True}


def test_a_disconnect_between_any_two_calls_leaves_the_device_offline(world: World) -> None:
    """The device is offline at the latest after the next presence check."""
    database = InterruptibleClient(dynamodb())
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


def test_the_presence_check_takes_devices_without_connection_offline(
    world: World,
) -> None:
    first, second = phone(world, "alice", 1), phone(world, "alice", 2)
    phone(world, "bob", 1)
    world.connections.delete(second.connection)

    world.presence()

    assert world.telemetry.counts["ConnectedDevices"] == 3
    assert world.telemetry.counts["ConnectedUsers"] == 2
    assert last_change(world, first.connection) == {device_id(1): True, device_id(2): False}
    count = len(first.received("devicesChanged"))
    world.presence()
    assert world.telemetry.counts["ConnectedDevices"] == 3 + 2
    assert len(first.received("devicesChanged")) == count


def test_the_presence_check_covers_more_than_a_hundred_devices(world: World) -> None:
    for number in range(130):
        phone(world, f"user-{number}", 1)
    watcher = phone(world, "user-77", 2)
    world.connections.delete("c78")

    world.presence()

    assert world.telemetry.counts["ConnectedDevices"] == 131
    assert last_change(world, watcher.connection) == {device_id(1): False, device_id(2): True}


class LateContext:
    """Context of an invocation that is about to time out."""

    def get_remaining_time_in_millis(self) -> int:
        return 2_000


def test_the_presence_check_stops_before_its_time_is_up(world: World) -> None:
    phone(world, "alice", 1)

    world.call("device_sync", {}, LateContext())

    assert world.telemetry.counts["ConnectedDevices"] == 1
    assert world.telemetry.warnings == ["presence check cut short"]


def test_anonymous_disconnects_do_not_read_devices(world: World) -> None:
    counted = InterruptibleClient(dynamodb())
    world.use_dynamodb(counted)
    listener = world.connect()
    reached: list[str] = []
    # The row is read and deleted; no call follows.
    counted.interrupt(lambda: reached.append("a third call"), after=2)

    world.disconnect(listener)

    assert counted.cancel()
    assert reached == []


def test_a_disconnect_completes_if_the_devices_table_is_unavailable(
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


def test_requests_count_as_activity(world: World) -> None:
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
