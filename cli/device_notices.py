"""What happens among a user's devices, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from client.errors import UnknownDeviceError
from client.protocol.replica import DeviceReplica
from shared.protocol.device_messages import Device, Sync, SyncAccepted, SyncMessage

# A device that is there only while it says one thing: nobody waits for it to come, or misses it.
PASSING = "commandLine"

_SHORT = 8  # characters of an id that tell a user's devices apart
_SHORTEST = 4  # of those that people may shorten an id to


class Household:
    """A user's devices by the names that people give them; `own` is the id of this one."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._devices: dict[str, Device] = {}

    def know(self, devices: Sequence[Device]) -> bool:
        """Take in the devices as they are now; whether that is news to people."""
        before = self._lasting()
        self._devices = {device.device_id: device for device in devices}
        return self._lasting() != before

    def _lasting(self) -> list[Device]:
        return [
            it for it in self._devices.values() if self._own == it.device_id or it.kind != PASSING
        ]

    def name(self, device_id: str | None) -> str:
        """What to call a device; ids tell those of one name apart."""
        if device_id is None:
            return "elsewhere"
        device = self._devices.get(device_id)
        if device is None:
            return f"device {device_id[:_SHORT]}"
        called = device.name or f"device {device_id[:_SHORT]}"
        alike = sum(other.name == device.name for other in self._devices.values())
        return called if alike == 1 or not device.name else f"{called} ({device_id[:_SHORT]})"

    def others(self) -> str:
        """The names of all but this one."""
        names = sorted(self.name(it.device_id) for it in self._others())
        return ", ".join(names) or "none"

    def find(self, called: str) -> str:
        """The id of the device that a person calls so: by name, id, or how an id begins.

        Raises UnknownDeviceError.
        """
        wanted = called.casefold()
        others = self._others()
        found = [it for it in others if wanted in {it.name.casefold(), it.device_id}] or [
            it
            for it in others
            if len(wanted) >= _SHORTEST
            and (it.device_id.startswith(wanted) or self.name(it.device_id).casefold() == wanted)
        ]
        if len(found) == 1:
            return found[0].device_id
        if found:
            ids = ", ".join(sorted(it.device_id for it in found))
            raise UnknownDeviceError(f"several devices are called {called}; use an id: {ids}")
        raise UnknownDeviceError(
            f"no other device is called {called}; your other devices: {self.others()}"
        )

    def describe(self) -> str:
        """`Devices: laptop (this one), phone (online), tv (offline)`."""
        listed = sorted(
            self._lasting(),
            key=lambda it: (it.device_id != self._own, not it.online, it.name.casefold()),
        )
        return "Devices: " + ", ".join(
            f"{self.name(it.device_id)} ({self._is(it)})" for it in listed
        )

    def _others(self) -> list[Device]:
        return [it for it in self._lasting() if it.device_id != self._own]

    def _is(self, device: Device) -> str:
        if device.device_id == self._own:
            return "this one"
        return "online" if device.online else "offline"


def describe_watchlist(replica: DeviceReplica) -> str:
    """`Watchlist: ALIEN, HEAT`."""
    return "Watchlist: " + (", ".join(sorted(replica.watchlist)) or "empty")


def describe_progress(replica: DeviceReplica) -> list[str]:
    """`Progress: HEAT 2:00 of 2:50:00`, one line each."""
    return [
        f"Progress: {content_id} {_time(it.position_seconds)} of {_time(it.duration_seconds)}"
        for content_id, it in sorted(replica.progress.items())
    ]


def describe_news(message: SyncMessage, household: Household) -> str:
    """`HEAT: added to the watchlist on phone`."""
    origin = household.name(message.origin_device_id)
    if message.kind == "deviceCommand":
        return f"Command from {origin}: {message.command}{_arguments(message.arguments)}"
    return f"{_change(message)} on {origin}"


def describe_accepted(change: Sync, reply: SyncAccepted, household: Household) -> str:
    """What became of something that was said here."""
    if reply.current is not None:
        return f"Too late, something newer counts: {describe_news(reply.current, household)}"
    if change.kind == "deviceCommand":
        target = household.name(change.target_device_id)
        words = f"{change.command}{_arguments(change.arguments)}"
        # Accepted is not received: its connection may have been busy.
        return f"{target} was told: {words}" if reply.delivered else f"{target} was not reached"
    return f"{_change(change)}; {_told(reply.delivered)}"


def _told(devices: int) -> str:
    match devices:
        case 0:
            return "no other device is online"
        case 1:
            return "1 other device was told"
        case _:
            return f"{devices} others were told"


def _change(message: SyncMessage | Sync) -> str:
    content_id = message.content_id
    if message.kind == "progressUpdate":
        position, duration = message.position_seconds or 0, message.duration_seconds or 0
        return f"{content_id}: watched {_time(position)} of {_time(duration)}"
    added = message.operation == "add"
    return f"{content_id}: {'added to' if added else 'removed from'} the watchlist"


def _arguments(arguments: dict[str, Any] | None) -> str:
    shown = [
        f"{name}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in (arguments or {}).items()
    ]
    return "".join(f" {item}" for item in shown)


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
