"""Replicas converge against the real functions, as against the model."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings

from client.protocol.replica import DeviceReplica
from shared.protocol.device_messages import Sync, SyncAccepted, SyncMessage, SyncSnapshot
from shared.protocol.message_base import encode
from tests.helpers.phones import device_id, phone
from tests.helpers.world import World, new_world
from tests.unit.client.sync_model import ClockSkewError
from tests.unit.client.sync_simulation import CLOCKS, STORIES, Simulation, Story


class Functions:
    """A user's devices, all of them connected, to the functions in one process."""

    def __init__(self, world: World, devices: int) -> None:
        self._world = world
        self._devices = {
            it.device_id: it
            for it in (phone(world, "alice", number + 1) for number in range(devices))
        }

    @property
    def now_ms(self) -> int:
        """The service's clock."""
        return self._world.clock.now_ms()

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        self._world.clock.advance(now_ms - self.now_ms)

    def sync(self, origin: str, change: Sync) -> tuple[SyncAccepted, SyncMessage | None]:
        """Return the functions' reply, and the message relayed to the others."""
        before = {it: len(device.received()) for it, device in self._devices.items()}
        request = json.loads(encode(change))
        del request["action"]
        reply = self._world.ask(self._devices[origin].connection, "sync", **request)
        if reply["type"] == "error":
            assert reply["code"] == "CLOCK_SKEW", reply
            raise ClockSkewError
        received = {it: device.received()[before[it] :] for it, device in self._devices.items()}
        assert received.pop(origin) == []
        relayed = [message for messages in received.values() for message in messages]
        assert len(relayed) in {0, len(received)}
        return (
            msgspec.convert(reply, SyncAccepted),
            msgspec.convert(relayed[0], SyncMessage) if relayed else None,
        )

    def snapshot(self, since: int, cursor: str | None) -> SyncSnapshot:
        """A page, as any of the devices gets it."""
        asking = next(iter(self._devices.values())).connection
        fields: dict[str, Any] = {"cursor": cursor} if cursor else {"since": since}
        return msgspec.convert(self._world.ask(asking, "getSyncSnapshot", **fields), SyncSnapshot)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clocks=CLOCKS, story=STORIES)
def test_replicas_converge(clocks: list[int], story: Story) -> None:
    with new_world() as world:
        simulation = Simulation(clocks, Functions(world, len(clocks)))
        simulation.play(story)
        simulation.settle()


def test_a_command_reaches_its_target_and_is_news_once() -> None:
    with new_world() as world:
        laptop, tv = phone(world, "alice", 1), phone(world, "alice", 2)
        sender = DeviceReplica(laptop.device_id, world.clock.now_ms)
        target = DeviceReplica(tv.device_id, world.clock.now_ms)
        command = sender.command(device_id(2), "seek", {"position": 12.5})
        request = json.loads(encode(command))
        del request["action"]
        for _ in range(2):
            reply = msgspec.convert(world.ask(laptop.connection, "sync", **request), SyncAccepted)
            sender.confirm(command, reply)
        (relayed,) = [msgspec.convert(message, SyncMessage) for message in tv.received()]
        assert target.apply(relayed)
        assert not target.apply(relayed)
        assert relayed.arguments == {"position": 12.5}
        assert sender.pending == []
