"""One-line descriptions of a user's devices and their changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from client.errors import UnknownDeviceError
from client.protocol.replica import DeviceReplica
from shared.protocol.device_messages import Device, Sync, SyncAccepted, SyncMessage

# Kind of the short-lived device behind `devices add` and the like; lists of devices omit it.
COMMAND_LINE_KIND = "commandLine"

_SHORT_ID = 8  # characters of an ID that are shown
_MIN_PREFIX = 4  # characters of an ID that are accepted instead of the whole


class DeviceDirectory:
    """A user's devices by name; `own_id` is the ID of this device."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._devices: dict[str, Device] = {}

    def update(self, devices: Sequence[Device]) -> bool:
        """Replace the devices; return whether the visible ones changed."""
        before = self._visible()
        self._devices = {device.device_id: device for device in devices}
        return self._visible() != before

    def _visible(self) -> list[Device]:
        return [
            device
            for device in self._devices.values()
            if device.device_id == self._own_id or device.kind != COMMAND_LINE_KIND
        ]

    def label(self, device_id: str | None) -> str:
        """Name of a device, followed by its ID if several have that name."""
        if device_id is None:
            return "another device"
        device = self._devices.get(device_id)
        if device is None:
            return f"device {device_id[:_SHORT_ID]}"
        if not device.name:
            return f"device {device_id[:_SHORT_ID]}"
        same_name = sum(other.name == device.name for other in self._devices.values())
        return device.name if same_name == 1 else f"{device.name} ({device_id[:_SHORT_ID]})"

    def describe_others(self) -> str:
        """`phone, tv`: all devices but this one."""
        names = sorted(self.label(it.device_id) for it in self._others())
        return ", ".join(names) or "none"

    def find(self, name: str) -> str:
        """The ID of the other device with this name, ID or start of an ID.

        Raises UnknownDeviceError.
        """
        wanted = name.casefold()
        others = self._others()
        found = [it for it in others if wanted in {it.name.casefold(), it.device_id}] or [
            it
            for it in others
            if len(wanted) >= _MIN_PREFIX
            and (it.device_id.startswith(wanted) or self.label(it.device_id).casefold() == wanted)
        ]
        if len(found) == 1:
            return found[0].device_id
        if found:
            ids = ", ".join(sorted(it.device_id for it in found))
            raise UnknownDeviceError(f"several devices are called {name}; use an ID: {ids}")
        raise UnknownDeviceError(
            f"no other device is called {name}; your other devices: {self.describe_others()}"
        )

    def describe(self) -> str:
        """`Devices: laptop (this one), phone (online), tv (offline)`."""
        listed = sorted(
            self._visible(),
            key=lambda it: (it.device_id != self._own_id, not it.online, it.name.casefold()),
        )
        return "Devices: " + ", ".join(
            f"{self.label(it.device_id)} ({self._status(it)})" for it in listed
        )

    def _others(self) -> list[Device]:
        return [it for it in self._visible() if it.device_id != self._own_id]

    def _status(self, device: Device) -> str:
        if device.device_id == self._own_id:
            return "this one"
        return "online" if device.online else "offline"


def describe_watchlist(replica: DeviceReplica) -> str:
    """`Watchlist: ALIEN, HEAT`."""
    return "Watchlist: " + (", ".join(sorted(replica.watchlist)) or "empty")


def describe_progress(replica: DeviceReplica) -> list[str]:
    """`Progress: HEAT 2:00 of 2:50:00`, one line per content."""
    return [
        f"Progress: {content_id} {_time(it.position_seconds)} of {_time(it.duration_seconds)}"
        for content_id, it in sorted(replica.progress.items())
    ]


def describe_change(message: SyncMessage, directory: DeviceDirectory) -> str:
    """`HEAT: added to the watchlist on phone`."""
    origin = directory.label(message.origin_device_id)
    if message.kind == "deviceCommand":
        return f"Command from {origin}: {message.command}{_arguments(message.arguments)}"
    return f"{_change(message)} on {origin}"


def describe_result(change: Sync, reply: SyncAccepted, directory: DeviceDirectory) -> str:
    """Result of a change that this device sent."""
    if reply.current is not None:
        return f"Not applied, a newer change wins: {describe_change(reply.current, directory)}"
    if change.kind == "deviceCommand":
        target = directory.label(change.target_device_id)
        if not reply.delivered:  # accepted, but the device's connection was busy or gone
            return f"{target} was not reached; try again"
        return f"Sent to {target}: {change.command}{_arguments(change.arguments)}"
    return f"{_change(change)}; {_delivery(reply.delivered)}"


def _delivery(devices: int) -> str:
    match devices:
        case 0:
            return "no other device is online"
        case 1:
            return "sent to 1 other device"
        case _:
            return f"sent to {devices} other devices"


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
