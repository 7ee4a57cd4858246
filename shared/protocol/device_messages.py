"""The messages of device sync: the devices of one user keep each other up to date."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from shared.models.hlc import Hlc
from shared.protocol.message_base import Reply, Request, ServerMessage

SyncKind = Literal["watchlistUpdate", "progressUpdate", "deviceCommand"]
Operation = Literal["add", "remove"]
Timestamp = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class RegisterDevice(Request, frozen=True, kw_only=True):
    """This connection is one of its user's devices. `since` (ms, of the service's clock) asks for
    what has changed since then.
    """

    device_id: str
    name: str | None = None
    kind: str | None = None
    since: Timestamp | None = None


class GetSyncSnapshot(Request, frozen=True, kw_only=True):
    """What has changed since then (ms); `cursor` of the page before asks for the next one."""

    since: Timestamp = 0
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class Sync(Request, frozen=True, kw_only=True):
    """Tell the user's other devices something, stamped by the device's hybrid logical clock.

    Which fields belong to which kind, the service checks. watchlistUpdate: `operation`,
    `content_id`; progressUpdate: `content_id`, `position_seconds`, `duration_seconds`;
    deviceCommand: `command_id`, `target_device_id`, `command`, `arguments` (of whatever shape the
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
    """What another device said, with the fields of its `Sync`; without `origin_device_id` it came
    from outside. `timestamp` (ms) is when it reached the service.
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
    """A device of a user."""

    device_id: str
    name: str
    kind: str
    online: bool


class DeviceRegistered(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """The connection is the device now; `timestamp` is the service's clock (ms)."""

    device_id: str
    devices: list[Device]
    timestamp: int


class DevicesChanged(ServerMessage, frozen=True, kw_only=True):
    """The user's devices as they are now."""

    devices: list[Device]


class DeviceReplaced(ServerMessage, frozen=True, kw_only=True):
    """A newer connection is the device now; this one is closed next."""

    device_id: str


class SyncAccepted(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a sync: whether it counts, and how many devices got it. If it does not count,
    `current` is what does.
    """

    kind: SyncKind
    applied: bool
    delivered: int
    current: SyncMessage | None = None


class SyncSnapshot(Reply, frozen=True, kw_only=True):
    """A page of the user's state: of each content, what won. With a `cursor` there is more;
    `timestamp` (ms) of the last page is the next `since`.
    """

    items: list[SyncMessage]
    cursor: str | None
    timestamp: int
