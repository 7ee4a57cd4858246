"""POST /sync/messages: changes and commands from an external message bus."""

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

#: Node of the bus's clock. With equal time and counter, the node that sorts later wins.
BUS_NODE = "bus"

_CHANNEL_PREFIX = "user."


class SyncWebhook:
    """Merges and relays messages of the bus. `check` raises INVALID_SIGNATURE."""

    def __init__(
        self, relay: SyncRelay, check: Callable[[HttpRequest], None], clock: Clock
    ) -> None:
        self._relay = relay
        self._check = check
        self._clock = clock

    def receive(self, request: HttpRequest) -> BusAccepted:
        """Merge and relay one message. Its body is not parsed until the signature is verified.

        Raises INVALID_SIGNATURE, INVALID_MESSAGE, INVALID_SYNC, CLOCK_SKEW, DEVICE_NOT_FOUND or
        DEVICE_OFFLINE; errors of a field start with its name.
        """
        self._check(request)
        envelope = decoded(request.body, BusEnvelope)
        user_id = _user_id(envelope.channel)
        try:
            message = to_sync_message(envelope.message, request.received_at)
            validate_clock(message.hlc, self._clock.now_ms(), "timestamp")
            result = self._relay.accept(user_id, message)
        except ValidationError as error:
            raise ValidationError(error.code, f"message.{error.field}", error.reason) from error
        return BusAccepted(applied=result.applied, relayed_to_devices=result.delivered)


def to_sync_message(message: AnyBusMessage, received_at: int) -> SyncMessage:
    """Convert a bus message to that of a device. Raises INVALID_SYNC."""
    hlc = Hlc(message.timestamp, 0, BUS_NODE)
    if not isinstance(message, DeviceCommanded):
        # Not converted to lower case: the content ids of devices are case-sensitive.
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
    validated = validate_sync(sync, received_at)
    if message.device_id is None:
        return validated
    origin = validate_uuid(message.device_id, "deviceId")
    return msgspec.structs.replace(validated, origin_device_id=origin)


def _user_id(channel: str) -> str:
    user_id = channel.removeprefix(_CHANNEL_PREFIX)
    if user_id == channel or not user_id:
        raise ValidationError(ErrorCode.INVALID_SYNC, "channel", "not of the form user.<userId>")
    return user_id
