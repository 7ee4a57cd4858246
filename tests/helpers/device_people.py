"""Users with devices, over the functions in one process."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.helpers.clients import Message
from tests.helpers.world import World


def device_id(number: int) -> str:
    """The id of a device by its number: all different, and ordered as the numbers are."""
    return str(uuid.UUID(int=number))


@dataclass
class Phone:
    """A device with its connection."""

    world: World
    device_id: str
    connection: str
    registered: Message
    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def clock(self, wall_ms: int | None = None) -> Message:
        """One moment of this device's clock, each later than the one before."""
        wall_ms = self.world.clock.now_ms() if wall_ms is None else wall_ms
        return {"wallMs": wall_ms, "counter": next(self._counter), "node": self.device_id}

    def sync(self, kind: str, hlc: Message | None = None, **fields: Any) -> Message:
        """Say something, with this device's clock or another one."""
        return self.world.ask(self.connection, "sync", kind=kind, hlc=hlc or self.clock(), **fields)

    def watch(self, content: str, position: float = 1, **fields: Any) -> Message:
        """A content has been watched so far."""
        return self.sync(
            "progressUpdate",
            contentId=content,
            positionSeconds=position,
            durationSeconds=7_200,
            **fields,
        )

    def command(self, target: str, command: str = "play", **fields: Any) -> Message:
        """Tell another device what to do."""
        fields = {"commandId": str(uuid.uuid4()), **fields}
        return self.sync("deviceCommand", targetDeviceId=target, command=command, **fields)

    def heard(self, kind: str | None = "syncMessage") -> list[Message]:
        """What was pushed to it."""
        return self.world.pushes(self.connection, kind)

    def snapshot(self, **fields: Any) -> list[Message]:
        """All items of all pages."""
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
    """One device of a user, on a connection of its own."""
    connection = world.connect(user)
    identity = device_id(number)
    reply = world.ask(connection, "registerDevice", deviceId=identity, **fields)
    assert reply["type"] == "deviceRegistered", reply
    return Phone(world, identity, connection, reply)


def online(devices: list[Message]) -> dict[str, bool]:
    """Which of them are."""
    return {item["deviceId"]: item["online"] for item in devices}


def last_change(world: World, connection: str) -> dict[str, bool]:
    """Who is online, by what a connection was told last."""
    return online(world.pushes(connection, "devicesChanged")[-1]["devices"])
