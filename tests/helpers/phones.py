"""Devices of users, as clients of the functions in one process."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.helpers.clients import Message
from tests.helpers.world import World


def device_id(number: int) -> str:
    """The device ID of a number. IDs sort like the numbers."""
    return str(uuid.UUID(int=number))


@dataclass
class Phone:
    """A registered device and its connection."""

    world: World
    device_id: str
    connection: str
    registered: Message
    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def clock(self, wall_ms: int | None = None) -> Message:
        """Tick this device's clock: each reading is later than the one before."""
        wall_ms = self.world.clock.now_ms() if wall_ms is None else wall_ms
        return {"wallMs": wall_ms, "counter": next(self._counter), "node": self.device_id}

    def sync(self, kind: str, hlc: Message | None = None, **fields: Any) -> Message:
        """Send a sync message, timestamped by this device's clock or `hlc`. Returns the reply."""
        return self.world.ask(self.connection, "sync", kind=kind, hlc=hlc or self.clock(), **fields)

    def watch(self, content: str, position: float = 1, **fields: Any) -> Message:
        """Report the playback position of an item, in seconds."""
        return self.sync(
            "progressUpdate",
            contentId=content,
            positionSeconds=position,
            durationSeconds=7_200,
            **fields,
        )

    def command(self, target: str, command: str = "play", **fields: Any) -> Message:
        """Send a command to another device."""
        fields = {"commandId": str(uuid.uuid4()), **fields}
        return self.sync("deviceCommand", targetDeviceId=target, command=command, **fields)

    def received(self, kind: str | None = "syncMessage") -> list[Message]:
        """Messages pushed to this device."""
        return self.world.pushes(self.connection, kind)

    def snapshot(self, **fields: Any) -> list[Message]:
        """Read all pages of the snapshot. Returns their items."""
        items: list[Message] = []
        cursor = None
        while True:
            given = {"cursor": cursor} if cursor else fields
            page = self.world.ask(self.connection, "getSyncSnapshot", **given)
            assert page["type"] == "syncSnapshot", page
            items += page["items"]
            cursor = page["cursor"]
            if cursor is None:
                return items


def phone(world: World, user: str, number: int = 1, **fields: Any) -> Phone:
    """Register a user's device on a new connection."""
    connection = world.connect(user)
    identity = device_id(number)
    reply = world.ask(connection, "registerDevice", deviceId=identity, **fields)
    assert reply["type"] == "deviceRegistered", reply
    return Phone(world, identity, connection, reply)


def online(devices: list[Message]) -> dict[str, bool]:
    """Whether each device is online, by device ID."""
    return {item["deviceId"]: item["online"] for item in devices}


def last_change(world: World, connection: str) -> dict[str, bool]:
    """Devices online, by the last devicesChanged pushed to a connection."""
    return online(world.pushes(connection, "devicesChanged")[-1]["devices"])
