"""A user's device as stored."""

from __future__ import annotations

import msgspec

from shared.protocol.device_messages import Device

#: Maximum number of devices per user.
MAX_DEVICES = 50


class DeviceRecord(msgspec.Struct, frozen=True):
    """A device, online on a connection, or offline since `offline_since` (ms)."""

    device_id: str
    name: str
    kind: str
    connection_id: str | None
    offline_since: int | None = None

    @property
    def online(self) -> bool:
        """Whether the device has a connection."""
        return self.connection_id is not None

    def to_message(self) -> Device:
        """Convert to the form that clients get."""
        return Device(device_id=self.device_id, name=self.name, kind=self.kind, online=self.online)
