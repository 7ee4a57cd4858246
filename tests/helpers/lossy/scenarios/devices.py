"""Scenarios of device sync and presence."""

from __future__ import annotations

from shared.protocol.device_messages import GetSyncSnapshot, RegisterDevice, Sync
from tests.helpers.clients import Message
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup
from tests.helpers.phones import device_id, phone


@scenario(RegisterDevice)
def device_registers(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    other, older = phone(world, "dora", 2), phone(world, "dora", 1)
    newer = world.connect("dora")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "deviceRegistered", replies[-1]
        assert setup.last_push(other.connection, "devicesChanged")
        assert setup.last_push(older.connection, "deviceReplaced")["deviceId"] == older.device_id
        assert older.connection in world.sender.gone
        again = world.ask(newer, "registerDevice", deviceId=device_id(1))
        assert len(again["devices"]) == 2

    return (
        lambda: replies.append(setup.ask(newer, "registerDevice", deviceId=device_id(1))),
        check,
    )


@scenario(GetSyncSnapshot)
def device_requests_a_snapshot(setup: SessionSetup) -> tuple[Action, Check]:
    mine = phone(setup.world, "dora", 1)
    mine.watch("film")
    replies: list[Message] = []

    def check() -> None:
        assert [item["contentId"] for item in replies[-1]["items"]] == ["film"]

    return lambda: replies.append(setup.ask(mine.connection, "getSyncSnapshot")), check


@scenario(Sync)
def device_reports_progress(setup: SessionSetup) -> tuple[Action, Check]:
    mine, other = phone(setup.world, "dora", 1), phone(setup.world, "dora", 2)
    replies: list[Message] = []
    fields = {
        "kind": "progressUpdate",
        "contentId": "film",
        "positionSeconds": 1,
        "durationSeconds": 7_200,
        "hlc": mine.clock(),
    }

    def check() -> None:
        assert replies[-1]["applied"] is True
        assert setup.last_push(other.connection, "syncMessage")["contentId"] == "film"
        assert [item["contentId"] for item in other.snapshot()] == ["film"]

    return lambda: replies.append(setup.ask(mine.connection, "sync", **fields)), check


@scenario(Sync)
def device_sends_a_command(setup: SessionSetup) -> tuple[Action, Check]:
    mine, other = phone(setup.world, "dora", 1), phone(setup.world, "dora", 2)
    replies: list[Message] = []
    fields = {
        "kind": "deviceCommand",
        "targetDeviceId": other.device_id,
        "command": "play",
        "commandId": device_id(77),
        "hlc": mine.clock(),
    }

    def check() -> None:
        assert replies[-1]["applied"] is True, replies[-1]
        assert setup.last_push(other.connection, "syncMessage")["command"] == "play"

    return lambda: replies.append(setup.ask(mine.connection, "sync", **fields)), check


@scenario("presence check")
def presence_check_finds_a_disconnected_device(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    mine, other = phone(world, "dora", 1), phone(world, "dora", 2)
    world.sender.gone.add(other.connection)
    world.connections.delete(other.connection)

    def check() -> None:
        world.presence()
        shown = world.ask(mine.connection, "registerDevice", deviceId=mine.device_id)["devices"]
        assert [device["online"] for device in shown] == [True, False]

    return world.presence, check
