"""Bodies of /sync/messages, the webhook of an external message bus.

Field names are camelCase in requests, as on that bus, and snake_case in responses, as in the rest
of the HTTP API.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from shared.protocol.device_messages import Operation, Timestamp

# The service checks the form, and says what is wrong.
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
    """Base of the bus's messages.

    `device_id` is the sending device, if any; `timestamp` (ms) stands in for its clock.
    """

    timestamp: _Time
    device_id: _Uuid | None = None


class WatchlistUpdated(BusMessage, frozen=True, kw_only=True, tag="WATCHLIST_UPDATE"):
    """A content was added to the watchlist or removed from it."""

    operation: Operation
    content_id: _Uuid


class ProgressUpdated(BusMessage, frozen=True, kw_only=True, tag="PROGRESS_UPDATE"):
    """The playback position of a content (s)."""

    content_id: _Uuid
    position_seconds: _Seconds
    duration_seconds: _Seconds


class DeviceCommanded(BusMessage, frozen=True, kw_only=True, tag="DEVICE_COMMAND"):
    """A command for one device."""

    command_id: _Uuid
    target_device_id: _Uuid
    command: Annotated[str, msgspec.Meta(examples=["pause"])]
    arguments: dict[str, Any] | None = None


AnyBusMessage = WatchlistUpdated | ProgressUpdated | DeviceCommanded


class BusEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on a user's channel, `user.<userId>`."""

    channel: _Channel
    message: AnyBusMessage


class BusAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the message was applied, and how many devices received it.

    A message is not applied if a newer one is known.
    """

    status: Literal["success"] = "success"
    applied: Annotated[bool, msgspec.Meta(examples=[True])]
    relayed_to_devices: Annotated[int, msgspec.Meta(examples=[2])]
