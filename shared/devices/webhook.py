"""POST /sync/messages: what a message bus outside says to a user's devices."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from shared.devices.relay import SyncRelay
from shared.devices.validators import validate_clock, validate_sync, validate_uuid
from shared.entrypoints.http import decoded
from shared.models.errors import ErrorCode, ValidationError
from shared.models.hlc import Hlc
from shared.protocol.device_messages import Sync, SyncMessage
from shared.protocol.http_messages import HttpRequest
from shared.protocol.webhook_messages import (
    AnyBusMessage,
    BusAccepted,
    BusEnvelope,
    DeviceCommanded,
    ProgressUpdated,
)
from shared.utils.clock import Clock

#: The node of the bus's clock: a device of the same millisecond and counter wins if it sorts later.
BUS_NODE = "bus"

_CHANNEL_PREFIX = "user."


class SyncWebhook:
    """Converts messages of the bus to those of devices. `check` raises INVALID_SIGNATURE."""

    def __init__(
        self, relay: SyncRelay, check: Callable[[HttpRequest], None], clock: Clock
    ) -> None:
        self._relay = relay
        self._check = check
        self._clock = clock

    def receive(self, request: HttpRequest) -> BusAccepted:
        """Merge and relay one message. Nothing of the body is read before its signature fits.

        Raises INVALID_SIGNATURE, INVALID_MESSAGE, INVALID_SYNC, CLOCK_SKEW, DEVICE_NOT_FOUND or
        DEVICE_OFFLINE, with the field in front.
        """
        self._check(request)
        envelope = decoded(request.body, BusEnvelope)
        user_id = _user_of(envelope.channel)
        try:
            message = converted(envelope.message, request.received_at)
            validate_clock(message.hlc, self._clock.now_ms(), "timestamp")
            accepted = self._relay.accept(user_id, message)
        except ValidationError as error:
            raise ValidationError(error.code, f"message.{error.field}", error.reason) from error
        return BusAccepted(applied=accepted.applied, relayed_to_devices=accepted.delivered)


def converted(message: AnyBusMessage, received_at: int) -> SyncMessage:
    """The message as a device's would be. Raises INVALID_SYNC."""
    hlc = Hlc(message.timestamp, 0, BUS_NODE)
    if not isinstance(message, DeviceCommanded):
        # Kept as it is: devices name contents by texts, in which case counts.
        validate_uuid(message.content_id, "contentId")
    if isinstance(message, DeviceCommanded):
        sync = Sync(
            kind="deviceCommand",
            hlc=hlc,
            command_id=message.command_id,
            target_device_id=message.target_device_id,
            command=message.command,
            arguments=message.arguments,
        )
    elif isinstance(message, ProgressUpdated):
        sync = Sync(
            kind="progressUpdate",
            hlc=hlc,
            content_id=message.content_id,
            position_seconds=message.position_seconds,
            duration_seconds=message.duration_seconds,
        )
    else:
        sync = Sync(
            kind="watchlistUpdate",
            hlc=hlc,
            content_id=message.content_id,
            operation=message.operation,
        )
    found = validate_sync(sync, received_at)
    if message.device_id is None:
        return found
    origin = validate_uuid(message.device_id, "deviceId")
    return msgspec.structs.replace(found, origin_device_id=origin)


def _user_of(channel: str) -> str:
    user_id = channel.removeprefix(_CHANNEL_PREFIX)
    if user_id == channel or not user_id:
        raise ValidationError(ErrorCode.INVALID_SYNC, "channel", "not of the form user.<userId>")
    return user_id
