"""A user's device as the service remembers it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.protocol.device_messages import Device

#: So many devices a user may have.
MAX_DEVICES = 50


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """One device: with a connection it is online, without one it is offline since then (ms)."""

    device_id: str
    name: str
    kind: str
    connection_id: str | None
    offline_since: int | None = None

    @property
    def online(self) -> bool:
        """Whether it has a connection."""
        return self.connection_id is not None

    def shown(self) -> Device:
        """As the user's devices are told of it."""
        return Device(device_id=self.device_id, name=self.name, kind=self.kind, online=self.online)
