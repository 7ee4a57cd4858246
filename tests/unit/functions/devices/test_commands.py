"""Commands from one device to another: relayed to their target alone, and only once."""

from __future__ import annotations

import uuid
from typing import Any

from shared.models.delivery import Outcome
from tests.helpers.phones import Phone, device_id, phone
from tests.helpers.world import World


def test_a_command_reaches_only_its_target(three: tuple[Phone, Phone, Phone]) -> None:
    one, two, other = three
    identity = str(uuid.uuid4())

    reply = one.command(two.device_id.upper(), "seek", commandId=identity, arguments={"to": 90})

    assert (reply["applied"], reply["delivered"]) == (True, 1)
    (heard,) = two.received()
    assert heard["originDeviceId"] == one.device_id
    assert heard["targetDeviceId"] == two.device_id
    assert (heard["commandId"], heard["command"]) == (identity, "seek")
    assert heard["arguments"] == {"to": 90}
    assert other.received() == []
    assert one.snapshot() == []


def test_a_repeated_command_is_relayed_once(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    command: dict[str, Any] = {"commandId": str(uuid.uuid4()), "hlc": one.clock()}
    first = one.command(two.device_id, **command)

    assert one.command(two.device_id, **command) == first
    world.disconnect(two.connection)
    # The target has received it and may disconnect.
    assert one.command(two.device_id, **command) == first
    assert len(two.received()) == 1
    assert world.telemetry.counts["SyncDuplicates"] == 2


def test_a_retry_sends_an_undelivered_command_again(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    command: dict[str, Any] = {"commandId": str(uuid.uuid4()), "hlc": one.clock()}
    world.sender.script(two.connection, Outcome.FAILED)

    assert one.command(two.device_id, **command)["delivered"] == 0
    assert one.command(two.device_id, **command)["delivered"] == 1
    assert one.command(two.device_id, **command)["delivered"] == 1
    assert len(two.received()) == 1


def test_an_id_cannot_be_reused_for_another_command(three: tuple[Phone, Phone, Phone]) -> None:
    one, two, _ = three
    identity = str(uuid.uuid4())
    one.command(two.device_id, "play", commandId=identity)

    reply = one.command(two.device_id, "pause", commandId=identity)

    assert reply["code"] == "INVALID_SYNC"
    assert reply["message"].startswith("commandId: already used by another command")
    assert [item["command"] for item in two.received()] == ["play"]


def test_commands_of_other_users_are_independent(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    identity = str(uuid.uuid4())
    phone(world, "bob", 5)
    bob = phone(world, "bob", 6)
    bob.command(device_id(5), "pause", commandId=identity)

    assert one.command(two.device_id, "play", commandId=identity)["delivered"] == 1
    assert one.command(device_id(5))["code"] == "DEVICE_NOT_FOUND"


def test_a_command_to_an_offline_device_is_refused(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    world.disconnect(two.connection)
    command: dict[str, Any] = {"commandId": str(uuid.uuid4())}

    reply = one.command(two.device_id, "handoff", **command)

    assert (reply["status"], reply["code"]) == (409, "DEVICE_OFFLINE")
    back = phone(world, "alice", 2)
    assert one.command(two.device_id, "handoff", **command)["delivered"] == 1
    assert len(back.received()) == 1


def test_a_command_to_a_gone_device_takes_it_offline(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, other = three
    world.sender.gone.add(two.connection)

    assert one.command(two.device_id, "handoff")["code"] == "DEVICE_OFFLINE"
    online = [item["online"] for item in other.received("devicesChanged")[-1]["devices"]]
    assert online == [True, False, True]
