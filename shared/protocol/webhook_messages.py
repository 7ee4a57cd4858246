"""What a message bus outside posts to /sync/messages, and what it is answered.

Field names are camelCase in requests, as that bus has them, and snake_case in answers, as all of
the HTTP API's are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from shared.protocol.device_messages import Operation, Timestamp

# Checked by the service, which says what is wrong with it.
_Uuid = Annotated[
    str,
    msgspec.Meta(
        examples=["3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b"], extra_json_schema={"format": "uuid"}
    ),
]
_Time = Annotated[Timestamp, msgspec.Meta(examples=[1_700_000_000_000])]
_Seconds = Annotated[float, msgspec.Meta(examples=[754.5])]
_Channel = Annotated[
    str,
    msgspec.Meta(
        max_length=256,
        examples=["user.7b1f6a3c-2d4e-4f5a-8b9c-0d1e2f3a4b5c"],
        extra_json_schema={"pattern": r"^user\..+$"},
    ),
]


class BusMessage(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="BUS"
):
    """What they have in common: `device_id` is who says it, if it was a device; `timestamp` (ms)
    stands for a clock.
    """

    timestamp: _Time
    device_id: _Uuid | None = None


class WatchlistUpdated(BusMessage, frozen=True, kw_only=True, tag="WATCHLIST_UPDATE"):
    """A content is on the watchlist, or no more."""

    operation: Operation
    content_id: _Uuid


class ProgressUpdated(BusMessage, frozen=True, kw_only=True, tag="PROGRESS_UPDATE"):
    """How far a content has been watched (s)."""

    content_id: _Uuid
    position_seconds: _Seconds
    duration_seconds: _Seconds


class DeviceCommanded(BusMessage, frozen=True, kw_only=True, tag="DEVICE_COMMAND"):
    """A device is to do something."""

    command_id: _Uuid
    target_device_id: _Uuid
    command: Annotated[str, msgspec.Meta(examples=["pause"])]
    arguments: dict[str, Any] | None = None


AnyBusMessage = WatchlistUpdated | ProgressUpdated | DeviceCommanded
#: The words by which they are told apart.
BUS_TYPES = tuple(str(each.__struct_config__.tag) for each in AnyBusMessage.__args__)


class BusEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the channel of a user, `user.<userId>`."""

    channel: _Channel
    message: AnyBusMessage


class BusAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the message counts (a later one may be known), and how many devices got it."""

    status: Literal["success"] = "success"
    applied: Annotated[bool, msgspec.Meta(examples=[True])]
    relayed_to_devices: Annotated[int, msgspec.Meta(examples=[2])]
