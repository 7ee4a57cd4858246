"""Relay of device sync messages: merges state, and delivers commands once.

State is last-writer-wins by hybrid logical clock: the condition of the write decides, and only
winning messages are relayed. Commands are stored by id, and delivered to their target once.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.devices.command_store import CommandRecord
from shared.devices.device import DeviceRecord
from shared.devices.fanout import DeviceDelivery, DeviceFanout, with_origin
from shared.models.errors import ErrorCode, ValidationError
from shared.models.request_errors import device_not_registered
from shared.protocol.device_messages import SyncMessage
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class StateStore(Protocol):
    """Store of state; implemented by `SyncStateStore`."""

    def write(self, user_id: str, message: SyncMessage) -> SyncMessage | None:
        """Store the message if it wins. Returns None, or the current message."""


class CommandStore(Protocol):
    """Store of commands; implemented by `SyncCommandStore`."""

    def find(self, user_id: str, command_id: str) -> CommandRecord | None:
        """Return the command with this id."""

    def add(self, user_id: str, command_id: str, message: SyncMessage) -> CommandRecord | None:
        """Store a new command. Returns None, or the stored command with this id."""

    def mark_delivered(self, user_id: str, command_id: str) -> None:
        """Record that the target has received the command."""


class DeviceLookup(Protocol):
    """Lookup of devices; implemented by `DeviceStore`."""

    def devices_of(self, user_id: str) -> list[DeviceRecord]:
        """Return all devices of a user."""


class RelayResult(msgspec.Struct, frozen=True):
    """Outcome of a message.

    `delivered` is the number of devices that received it. If it was not applied, `current` is the
    winning message. `devices` are the user's devices when it was relayed, None if it was not.
    """

    applied: bool
    delivered: int = 0
    current: SyncMessage | None = None
    devices: list[DeviceRecord] | None = None


class SyncRelay:
    """Merges and relays messages. `accept` is idempotent."""

    def __init__(
        self,
        states: StateStore,
        commands: CommandStore,
        devices: DeviceLookup,
        fanout: DeviceFanout,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._states = states
        self._commands = commands
        self._devices = devices
        self._fanout = fanout
        self._clock = clock
        self._telemetry = telemetry

    def accept(
        self, user_id: str, message: SyncMessage, *, from_connection: str | None = None
    ) -> RelayResult:
        """Merge a validated message, and relay it to the user's other devices.

        For commands, raises INVALID_SYNC, DEVICE_NOT_REGISTERED, DEVICE_NOT_FOUND or
        DEVICE_OFFLINE. Raises StoreUnavailableError; the same message can then be sent again.
        """
        if message.command_id is not None:
            return self._accept_command(user_id, message.command_id, message, from_connection)
        return self._accept_state(user_id, message, from_connection)

    def _accept_state(
        self, user_id: str, message: SyncMessage, from_connection: str | None
    ) -> RelayResult:
        current = self._states.write(user_id, message)
        if current is not None:
            if current.hlc != message.hlc or not _has_same_content(current, message):
                self._telemetry.count("SyncConflicts")
                return RelayResult(applied=False, current=current)
            # The first attempt may have died before the relay.
            self._telemetry.count("SyncDuplicates")
        # Devices are read after the write: one that registers meanwhile is among them, or finds
        # the message in its snapshot.
        delivery = self._fanout.send_to_others(user_id, message, connection_id=from_connection)
        self._report(user_id, message, delivery)
        return RelayResult(applied=True, delivered=delivery.delivered, devices=delivery.devices)

    def _accept_command(
        self, user_id: str, command_id: str, command: SyncMessage, from_connection: str | None
    ) -> RelayResult:
        devices = self._devices.devices_of(user_id)
        message = with_origin(command, from_connection, devices)
        if message is None:
            raise device_not_registered("sync")
        if message.target_device_id == message.origin_device_id:
            raise ValidationError(
                ErrorCode.INVALID_SYNC, "targetDeviceId", "the sending device; name another one"
            )
        target = next(
            (device for device in devices if device.device_id == message.target_device_id), None
        )
        if target is None:
            raise ValidationError(
                ErrorCode.DEVICE_NOT_FOUND, "targetDeviceId", "the user has no such device"
            )
        if target.online:
            known = self._commands.add(user_id, command_id, message)
        else:
            known = self._commands.find(user_id, command_id)
        if known is not None:
            if not _has_same_content(known.message, message):
                raise ValidationError(
                    ErrorCode.INVALID_SYNC,
                    "commandId",
                    "already used by another command; use a new UUID",
                )
            self._telemetry.count("SyncDuplicates")
            if known.delivered:
                return RelayResult(applied=True, delivered=1)
        if not target.online:
            raise _device_offline()
        delivery = self._fanout.send_to(user_id, target, message)
        self._report(user_id, message, delivery)
        if delivery.gone:
            raise _device_offline()
        if delivery.delivered:
            self._mark_delivered(user_id, command_id)
        return RelayResult(applied=True, delivered=delivery.delivered, devices=devices)

    def _mark_delivered(self, user_id: str, command_id: str) -> None:
        try:
            self._commands.mark_delivered(user_id, command_id)
        except StoreUnavailableError as error:
            # If the command is repeated, it is relayed again, and its target discards it.
            self._telemetry.warn("command not marked as delivered", cause=error.cause)

    def _report(self, user_id: str, message: SyncMessage, delivery: DeviceDelivery) -> None:
        if delivery.delivered:
            self._telemetry.count_by("SyncMessagesRelayed", delivery.delivered, Kind=message.kind)
            self._telemetry.duration("SyncRelayDuration", self._clock.now_ms() - message.timestamp)
        if delivery.gone:
            self._send_devices_changed(user_id)

    def _send_devices_changed(self, user_id: str) -> None:
        try:
            self._fanout.send_devices_changed(user_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("devicesChanged not sent", cause=error.cause)


def _has_same_content(one: SyncMessage, other: SyncMessage) -> bool:
    """Whether two messages agree except in origin, timestamp and clock."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in SyncMessage.__struct_fields__
        if name not in {"hlc", "timestamp", "origin_device_id"}
    )


def _device_offline() -> ValidationError:
    return ValidationError(
        ErrorCode.DEVICE_OFFLINE, "targetDeviceId", "not connected now; try when it is online"
    )
