"""Running devices that record their callbacks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from client.connection.clock_offset import ClockOffset
from client.flows.device_sync import DeviceHooks, DeviceSync
from client.protocol.replica import DeviceReplica, SavedReplica
from tests.unit.client.lines import Line
from tests.unit.client.support import FakeClock


@dataclass
class Device:
    """A running device and its recorded callbacks."""

    sync: DeviceSync
    line: Line
    happened: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def replica(self) -> DeviceReplica:
        return self.sync.replica

    def note(self, *what: Any) -> None:
        self.happened.append(what)
        self.changed.set()

    async def until(self, kind: str, count: int = 1) -> None:
        """Wait until `count` events of `kind` have been noted."""
        async with asyncio.timeout(30):
            while len(self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()

    def of(self, kind: str) -> list[Any]:
        return [detail for what, detail in self.happened if what == kind]


def device(
    url: str, name: str, clock: FakeClock | None = None, saved: SavedReplica | None = None
) -> Device:
    """A device that is not connected yet and sleeps in no time."""
    clock = clock or FakeClock()
    offset, line = ClockOffset(), Line(url, clock)
    replica = DeviceReplica(name, lambda: clock.now_ms() + offset.offset_ms, saved=saved)
    made: Device
    hooks = DeviceHooks(
        on_devices=lambda devices: made.note(
            "devices", {it.device_id: it.online for it in devices}
        ),
        on_caught_up=lambda news: made.note("caught up", [item.content_id for item in news]),
        on_news=lambda message: made.note("news", message),
        on_accepted=lambda change, reply: made.note("accepted", change),
        on_refused=lambda change, refused: made.note("refused", refused.code),
        on_disconnected=lambda away: made.note("away", away.seconds),
        on_reconnected=lambda seconds: made.note("returned", seconds),
    )
    sync = DeviceSync(
        replica,
        line.open,
        name=name,
        hooks=hooks,
        offset=offset,
        clock=clock,
        sleep=clock.sleep,
        random_fraction=lambda: 1.0,
    )
    made = Device(sync, line)
    return made


@contextlib.asynccontextmanager
async def running(made: Device) -> AsyncIterator[Device]:
    """Run a device; enter once it has caught up."""
    task = asyncio.create_task(made.sync.run())
    try:
        await made.until("caught up")
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
