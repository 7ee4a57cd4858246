"""Messages of device sync, which keeps the devices of one user in the same state."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from shared.models.hlc import Hlc
from shared.protocol.message_base import Reply, Request, ServerMessage

SyncKind = Literal["watchlistUpdate", "progressUpdate", "deviceCommand"]
Operation = Literal["add", "remove"]
Timestamp = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class RegisterDevice(Request, frozen=True, kw_only=True):
    """Register the connection as one of its user's devices.

    `since` (ms, service's clock) requests the changes since then.
    """

    device_id: str
    name: str | None = None
    kind: str | None = None
    since: Timestamp | None = None


class GetSyncSnapshot(Request, frozen=True, kw_only=True):
    """Get the changes since a time (ms); the `cursor` of one page requests the next."""

    since: Timestamp = 0
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class Sync(Request, frozen=True, kw_only=True):
    """A change or command for the user's other devices.

    `hlc` is its hybrid logical clock.

    The service checks which fields belong to which kind. watchlistUpdate: `operation`,
    `content_id`; progressUpdate: `content_id`, `position_seconds`, `duration_seconds`;
    deviceCommand: `command_id`, `target_device_id`, `command`, `arguments` (any shape that the
    user's devices agree on).
    """

    kind: SyncKind
    hlc: Hlc
    content_id: str | None = None
    operation: Operation | None = None
    position_seconds: float | None = None
    duration_seconds: float | None = None
    command_id: str | None = None
    target_device_id: str | None = None
    command: str | None = None
    arguments: dict[str, Any] | None = None


class SyncMessage(ServerMessage, frozen=True, kw_only=True, omit_defaults=True):
    """A relayed `Sync` of another device, with its fields.

    Without `origin_device_id` it came from the message bus. `timestamp` (ms) is when it reached
    the service.
    """

    kind: SyncKind
    hlc: Hlc
    timestamp: int
    origin_device_id: str | None = None
    content_id: str | None = None
    operation: Operation | None = None
    position_seconds: float | None = None
    duration_seconds: float | None = None
    command_id: str | None = None
    target_device_id: str | None = None
    command: str | None = None
    arguments: dict[str, Any] | None = None


class Device(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One of the user's devices."""

    device_id: str
    name: str
    kind: str
    online: bool


class DeviceRegistered(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """The connection is now the device's; `timestamp` is the service's clock (ms)."""

    device_id: str
    devices: list[Device]
    timestamp: int


class DevicesChanged(ServerMessage, frozen=True, kw_only=True):
    """The user's current devices."""

    devices: list[Device]


class DeviceReplaced(ServerMessage, frozen=True, kw_only=True):
    """A newer connection has registered the device; this one is about to be closed."""

    device_id: str


class SyncAccepted(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of a sync: whether it was applied, and how many devices received it.

    If it was not applied, `current` is the newer state.
    """

    kind: SyncKind
    applied: bool
    delivered: int
    current: SyncMessage | None = None


class SyncSnapshot(Reply, frozen=True, kw_only=True):
    """A page of the user's state: the winning change of each content.

    A `cursor` means that more pages follow. The last page's `timestamp` (ms) is the next `since`.
    """

    items: list[SyncMessage]
    cursor: str | None
    timestamp: int
