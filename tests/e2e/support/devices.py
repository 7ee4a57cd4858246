"""A user's devices over WebSockets, and direct changes of their rows."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from local.gateway.websocket_events import new_id
from tests.e2e.support.clients import StackClients
from tests.e2e.support.operator import Operator
from tests.helpers.wire import Message, Wire

DEVICES = "lingocast-dev-devices"
_serialize = TypeSerializer().serialize


def now_ms() -> int:
    """The wall clock, which stack and tests share."""
    return time.time_ns() // 1_000_000


def new_user() -> str:
    """A new user."""
    return f"user-{uuid.uuid4()}"


@dataclass
class Device:
    """A device and its connection. Its clock is strictly increasing."""

    wire: Wire
    device_id: str
    registered: Message
    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def clock(self, wall_ms: int | None = None) -> Message:
        """The next hybrid logical time of this device."""
        wall_ms = now_ms() if wall_ms is None else wall_ms
        return {"wallMs": wall_ms, "counter": next(self._counter), "node": self.device_id}

    async def sync(self, kind: str, **fields: Any) -> Message:
        """Send a sync message; returns the reply."""
        return await self.wire.ask("sync", **{"kind": kind, "hlc": self.clock(), **fields})

    async def watch(self, content: str, position: float = 1, **fields: Any) -> Message:
        """Report the playback position of a content."""
        progress = {"contentId": content, "positionSeconds": position, "durationSeconds": 7_200}
        return await self.sync("progressUpdate", **progress, **fields)

    async def command(self, target: Device, command: str = "play", **fields: Any) -> Message:
        """Send another device a command."""
        identity = {"commandId": str(uuid.uuid4()), "targetDeviceId": target.device_id}
        return await self.sync("deviceCommand", **{**identity, "command": command, **fields})

    async def sync_concurrently(self, requests: list[Message]) -> list[Message]:
        """Send several requests without waiting in between; returns the replies in order."""
        names = [f"at-once-{next(self._counter)}" for _ in requests]
        for name, request in zip(names, requests, strict=True):
            hlc = {"hlc": self.clock()}
            await self.wire.send({"action": "sync", "requestId": name, **hlc, **request})
        return [
            await self.wire.expect(lambda message, name=name: message.get("requestId") == name)  # type: ignore[misc]
            for name in names
        ]

    async def next_sync_message(self) -> Message:
        """The next sync message from another device."""
        return await self.wire.expect("syncMessage")

    async def wait_for_presence(self, device_id: str, *, online: bool) -> None:
        """Wait until a devicesChanged shows another device online or offline."""
        await self.wire.expect(
            lambda message: (
                message["type"] == "devicesChanged"
                and {"deviceId": device_id, "online": online}.items()
                in [
                    {name: item[name] for name in ("deviceId", "online")}.items()
                    for item in message["devices"]
                ]
            )
        )

    async def pages(self, **fields: Any) -> list[Message]:
        """All pages of the snapshot of missed changes."""
        found = [await self.wire.ask("getSyncSnapshot", **fields)]
        while found[-1]["cursor"] is not None:
            assert len(found) < 20
            found.append(await self.wire.ask("getSyncSnapshot", cursor=found[-1]["cursor"]))
        return found

    async def snapshot(self, **fields: Any) -> list[Message]:
        """The items of all pages."""
        return [item for page in await self.pages(**fields) for item in page["items"]]


@asynccontextmanager
async def device(
    clients: StackClients, user: str, device_id: str | None = None, **fields: Any
) -> AsyncIterator[Device]:
    """A registered device of a user."""
    async with clients.connection(user) as wire:
        yield await registered(wire, device_id, **fields)


async def registered(wire: Wire, device_id: str | None = None, **fields: Any) -> Device:
    """Register a connection as a device."""
    device_id = device_id or str(uuid.uuid4())
    reply = await wire.ask("registerDevice", deviceId=device_id, **fields)
    assert reply["type"] == "deviceRegistered", reply
    return Device(wire, device_id, reply)


async def put_device(
    operator: Operator, user: str, connection_id: str | None = None, *, online: bool = True
) -> str:
    """Write a device's row; returns its id.

    Online, on the given connection or on one that ended without $disconnect; or else offline.
    """
    device_id = str(uuid.uuid4())
    row: dict[str, Any] = {
        "userId": user,
        "item": f"device#{device_id}",
        "name": "ghost",
        "kind": "",
    }
    if online:
        row |= {"connectionId": connection_id or new_id(), "onlineBucket": "0"}
    else:
        row["offlineSince"] = now_ms()
    item = {name: _serialize(value) for name, value in row.items()}
    await operator.call("put_item", DEVICES, Item=item)
    return device_id


async def check_presence(operator: Operator) -> None:
    """Run the scheduled rule of every minute."""
    answer = await operator.invoke("device_sync", {"detail-type": "Scheduled Event"})
    assert answer is None, answer
