"""What becomes of a message of device sync: whether it counts, and who gets it.

State goes by last-writer-wins in the order of hybrid logical clocks: the table's condition decides,
and only what has won is relayed. Commands are noted by their id, and go to their target once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.data_access.errors import StoreUnavailableError
from shared.devices.command_store import KnownCommand
from shared.devices.device import KnownDevice
from shared.devices.fanout import Delivery, DeviceFanout, said_on
from shared.models.errors import ErrorCode, ValidationError
from shared.models.request_errors import device_not_registered
from shared.protocol.device_messages import SyncMessage
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class StateStore(Protocol):
    """Where state is kept: `shared.devices.state_store`."""

    def write(self, user_id: str, message: SyncMessage) -> SyncMessage | None:
        """None if it counts now, or what does."""


class CommandStore(Protocol):
    """Where commands are noted: `shared.devices.command_store`."""

    def find(self, user_id: str, command_id: str) -> KnownCommand | None:
        """The command of that id."""

    def remember(self, user_id: str, command_id: str, message: SyncMessage) -> KnownCommand | None:
        """None if it is new, or the one that has its id."""

    def delivered(self, user_id: str, command_id: str) -> None:
        """Its target has got it."""


class DeviceLookup(Protocol):
    """Where devices are kept: `shared.devices.device_store`."""

    def of(self, user_id: str) -> list[KnownDevice]:
        """All devices of a user."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Whether a message counts, how many devices got it, and what counts if it does not.

    `devices` are all that the user had when it was relayed; None if it was not.
    """

    applied: bool
    delivered: int = 0
    current: SyncMessage | None = None
    devices: list[KnownDevice] | None = None


class SyncRelay:
    """Merges messages and relays them. `accept` may be repeated: it comes to the same."""

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
    ) -> Accepted:
        """Merge a message that has been validated, and relay it to the user's other devices.

        Raises INVALID_SYNC, DEVICE_NOT_REGISTERED, DEVICE_NOT_FOUND or DEVICE_OFFLINE of a command,
        and StoreUnavailableError: then the same message may be sent again.
        """
        if message.command_id is not None:
            return self._command(user_id, message.command_id, message, from_connection)
        return self._state(user_id, message, from_connection)

    def _state(self, user_id: str, message: SyncMessage, from_connection: str | None) -> Accepted:
        current = self._states.write(user_id, message)
        if current is not None:
            if current.hlc != message.hlc or not _says_the_same(current, message):
                self._telemetry.count("SyncConflicts")
                return Accepted(applied=False, current=current)
            # The first try may have died before it was relayed.
            self._telemetry.count("SyncDuplicates")
        # Only now, after the write: a device that registers meanwhile is among these, or finds the
        # message in its snapshot.
        delivery = self._fanout.to_others(user_id, message, connection_id=from_connection)
        self._report(user_id, message, delivery)
        return Accepted(applied=True, delivered=delivery.delivered, devices=delivery.devices)

    def _command(
        self, user_id: str, command_id: str, command: SyncMessage, from_connection: str | None
    ) -> Accepted:
        devices = self._devices.of(user_id)
        message = said_on(from_connection, devices, command)
        if message is None:
            raise device_not_registered("sync")
        if message.target_device_id == message.origin_device_id:
            raise ValidationError(
                ErrorCode.INVALID_SYNC, "targetDeviceId", "the device itself; name another one"
            )
        target = next(
            (device for device in devices if device.device_id == message.target_device_id), None
        )
        if target is None:
            raise ValidationError(
                ErrorCode.DEVICE_NOT_FOUND, "targetDeviceId", "the user has no such device"
            )
        if target.online:
            known = self._commands.remember(user_id, command_id, message)
        else:
            known = self._commands.find(user_id, command_id)
        if known is not None:
            if not _says_the_same(known.message, message):
                raise ValidationError(
                    ErrorCode.INVALID_SYNC,
                    "commandId",
                    "another command has it; make a new UUID for each",
                )
            self._telemetry.count("SyncDuplicates")
            if known.delivered:
                return Accepted(applied=True, delivered=1)
        if not target.online:
            raise _offline()
        delivery = self._fanout.to_one(user_id, target, message)
        self._report(user_id, message, delivery)
        if delivery.gone:
            raise _offline()
        if delivery.delivered:
            self._note_delivered(user_id, command_id)
        return Accepted(applied=True, delivered=delivery.delivered, devices=devices)

    def _note_delivered(self, user_id: str, command_id: str) -> None:
        try:
            self._commands.delivered(user_id, command_id)
        except StoreUnavailableError as error:
            # A repetition is relayed once more, and discarded by its target.
            self._telemetry.warn("delivered command not noted", cause=error.cause)

    def _report(self, user_id: str, message: SyncMessage, delivery: Delivery) -> None:
        if delivery.delivered:
            self._telemetry.count_by("SyncMessagesRelayed", delivery.delivered, Kind=message.kind)
            self._telemetry.duration("SyncRelayDuration", self._clock.now_ms() - message.timestamp)
        if delivery.gone:
            self._tell(user_id)

    def _tell(self, user_id: str) -> None:
        try:
            self._fanout.tell_devices(user_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("devices not told of one that is gone", cause=error.cause)


def _says_the_same(one: SyncMessage, other: SyncMessage) -> bool:
    """But for who says it, when it came, and by which clock."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in SyncMessage.__struct_fields__
        if name not in {"hlc", "timestamp", "origin_device_id"}
    )


def _offline() -> ValidationError:
    return ValidationError(
        ErrorCode.DEVICE_OFFLINE, "targetDeviceId", "not connected now; try when it is online"
    )
