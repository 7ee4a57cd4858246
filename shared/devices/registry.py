"""Devices come online by registering, and go offline when their connection ends."""

from __future__ import annotations

from contextlib import suppress

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.devices.connection_devices import ConnectionDevices
from shared.devices.device import MAX_DEVICES, DeviceRecord
from shared.devices.device_store import DeviceStore
from shared.devices.fanout import RELAY_DEADLINE_MS, DeviceFanout
from shared.devices.snapshots import SyncSnapshots
from shared.devices.validators import validate_device
from shared.models.connection import Caller
from shared.models.delivery import ConnectionSender
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.request_errors import require_registered, require_user
from shared.protocol.device_messages import DeviceRegistered, DeviceReplaced, RegisterDevice
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class DeviceRegistry:
    """Keeps a user's devices, and notifies them of each other."""

    def __init__(
        self,
        devices: DeviceStore,
        connections: ConnectionsRepository,
        fanout: DeviceFanout,
        snapshots: SyncSnapshots,
        connection_devices: ConnectionDevices,
        *,
        sender: ConnectionSender,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._devices = devices
        self._connections = connections
        self._fanout = fanout
        self._snapshots = snapshots
        self._connection_devices = connection_devices
        self._sender = sender
        self._clock = clock
        self._telemetry = telemetry

    def register_device(self, caller: Caller, request: RegisterDevice) -> DeviceRegistered:
        """Make the caller's connection that device, and no other; safe to repeat.

        Raises INVALID_DEVICE, AUTHENTICATION_REQUIRED or CONNECTION_NOT_FOUND.
        """
        request = validate_device(request)
        user_id = require_user(caller, "registerDevice")
        require_registered(self._connections.get(caller.connection_id))
        known = self._devices.devices_of(user_id)
        self._make_room(user_id, known, request.device_id)
        device = _merge(request, known, caller.connection_id)
        replaced = self._devices.come_online(user_id, device)
        try:
            require_registered(self._connections.get(caller.connection_id))
        except LingocastError:
            # Its $disconnect may have come before the device was online, and so done nothing.
            self._go_offline(user_id, device)
            raise
        self._connection_devices.remember(caller.connection_id, request.device_id)
        for other in known:
            if other.connection_id == caller.connection_id and other.device_id != request.device_id:
                self._go_offline(user_id, other)
        if replaced is not None and replaced.connection_id not in {None, caller.connection_id}:
            self._close_replaced(user_id, replaced)
            with suppress(StoreUnavailableError):  # the next registration closes it again
                self._devices.confirm_closed(user_id, request.device_id, caller.connection_id)
        devices = self._fanout.send_devices_changed(user_id, connection_id=caller.connection_id)
        if request.since is not None:
            page = self._snapshots.first_page(user_id, request.since)
            self._fanout.send_to(user_id, device, page)
        return DeviceRegistered(
            device_id=request.device_id,
            devices=[item.to_message() for item in devices],
            timestamp=self._clock.now_ms(),
        )

    def leave(self, caller: Caller) -> None:
        """Take the device of a closed connection offline, and notify the others.

        Failures are counted; the presence check makes up for them.
        """
        if caller.user_id is None:
            return
        try:
            left = [
                device
                for device in self._devices.devices_of(caller.user_id)
                if device.connection_id == caller.connection_id
                and self._go_offline(caller.user_id, device)
            ]
            if left:
                self._fanout.send_devices_changed(caller.user_id)
        except StoreUnavailableError as error:
            self._telemetry.count("DevicesUnavailable")
            self._telemetry.warn("device not taken offline", cause=error.cause)

    def _make_room(self, user_id: str, known: list[DeviceRecord], device_id: str) -> None:
        """Remove the devices that have been offline longest, if there is no room for a new one."""
        if any(device.device_id == device_id for device in known):
            return
        offline = [device for device in known if not device.online]
        offline.sort(key=lambda device: device.offline_since or 0)
        excess = len(known) + 1 - MAX_DEVICES
        if excess > len(offline):
            raise ValidationError(
                ErrorCode.INVALID_DEVICE,
                "deviceId",
                f"the user has {MAX_DEVICES} devices, all online; disconnect one first",
            )
        for device in offline[: max(excess, 0)]:
            self._devices.remove(user_id, device)

    def _go_offline(self, user_id: str, device: DeviceRecord) -> bool:
        assert device.connection_id is not None
        return self._devices.go_offline(
            user_id, device.device_id, device.connection_id, self._clock.now_ms()
        )

    def _close_replaced(self, user_id: str, replaced: DeviceRecord) -> None:
        # Notified first: a client closed without notice would reconnect and replace the newer
        # connection.
        assert replaced.connection_id is not None
        self._connection_devices.forget(replaced.connection_id)
        self._fanout.send_to(user_id, replaced, DeviceReplaced(device_id=replaced.device_id))
        self._sender.delete(replaced.connection_id, self._clock.now_ms() + RELAY_DEADLINE_MS)


def _merge(request: RegisterDevice, known: list[DeviceRecord], connection_id: str) -> DeviceRecord:
    """Return the requested device; missing fields keep their stored values."""
    before = next((item for item in known if item.device_id == request.device_id), None)
    name, kind = (before.name, before.kind) if before else ("", "")
    return DeviceRecord(
        device_id=request.device_id,
        name=name if request.name is None else request.name,
        kind=kind if request.kind is None else request.kind,
        connection_id=connection_id,
    )
