"""Fan-out to a user's devices, which takes devices offline when it finds them gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.devices.device import DeviceRecord
from shared.devices.device_store import DeviceStore
from shared.fanout.audience import DevicesAudience
from shared.protocol.device_messages import DevicesChanged, SyncMessage
from shared.protocol.message_base import ServerMessage, encode
from shared.services.broadcast_handler import BroadcastHandler
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Deadline of a message to devices (ms).
RELAY_DEADLINE_MS = 3_000
# Maximum sends of devicesChanged per change: the devices may change again during each send.
_MAX_ROUNDS = 3


class GoneConnections:
    """Collects the connections that a fan-out finds gone, for the sender to take offline."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, _session_id: str, connection_id: str) -> None:
        """Add a connection; the fan-out's `remove_gone`."""
        self._found.append(connection_id)

    def drain(self) -> list[str]:
        """Return the connections added since the last call."""
        found, self._found = self._found, []
        return found


class DeviceDelivery(msgspec.Struct):
    """Outcome of a message: how many devices received it, which were gone, and all devices."""

    delivered: int = 0
    gone: list[DeviceRecord] = msgspec.field(default_factory=list)
    devices: list[DeviceRecord] = msgspec.field(default_factory=list)


class DeviceFanout:
    """Sends to the devices of one user.

    Takes gone devices offline; `clean_up` removes their connections, as after a $disconnect.
    """

    def __init__(
        self,
        devices: DeviceStore,
        broadcasts: BroadcastHandler,
        gone: GoneConnections,
        *,
        clean_up: Callable[[Sequence[str]], object],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._devices = devices
        self._broadcasts = broadcasts
        self._gone = gone
        self._clean_up = clean_up
        self._clock = clock
        self._telemetry = telemetry

    def send_to_others(
        self, user_id: str, message: SyncMessage, *, connection_id: str | None = None
    ) -> DeviceDelivery:
        """Send to the user's online devices, except the origin.

        The origin is the device on `connection_id`, or else the one that the message names. Raises
        StoreUnavailableError if the devices cannot be read.
        """
        devices = self._devices.devices_of(user_id)
        message = with_origin(message, connection_id, devices) or message
        others = [item for item in devices if item.device_id != message.origin_device_id]
        recipients = _connections(others, connection_id)
        return self._send(
            user_id, recipients.copy, encode(message), DeviceDelivery(devices=devices)
        )

    def send_to(self, user_id: str, device: DeviceRecord, message: ServerMessage) -> DeviceDelivery:
        """Send to one device."""
        delivery = DeviceDelivery(devices=[device])
        return self._send(user_id, lambda: _connections([device]), encode(message), delivery)

    def send_devices_changed(
        self, user_id: str, *, connection_id: str | None = None
    ) -> list[DeviceRecord]:
        """Send the list of devices to all devices but the one on `connection_id`; return it.

        The list is read again after each send and sent again if it has changed: the send may have
        found a device gone, and another instance's newer list may have been overtaken. Raises
        StoreUnavailableError.
        """
        devices = self._devices.devices_of(user_id)
        for _ in range(_MAX_ROUNDS):
            recipients = _connections(devices, connection_id)
            data = encode(DevicesChanged(devices=[device.to_message() for device in devices]))
            delivery = DeviceDelivery(devices=devices)
            if not recipients:
                break
            self._send(user_id, recipients.copy, data, delivery)
            sent, devices = devices, self._devices.devices_of(user_id)
            if devices == sent:
                break
        return devices

    def _send(
        self,
        user_id: str,
        online: Callable[[], Sequence[str]],
        data: bytes,
        delivery: DeviceDelivery,
    ) -> DeviceDelivery:
        deadline_at = self._clock.now_ms() + RELAY_DEADLINE_MS
        self._gone.drain()
        (sent,) = self._broadcasts.broadcast([(DevicesAudience(online), data)], deadline_at)
        result = sent.result
        if result.error is not None:
            raise StoreUnavailableError(result.error)
        delivery.delivered = result.success_count
        gone = set(self._gone.drain())
        delivery.gone = [device for device in delivery.devices if device.connection_id in gone]
        if gone:
            self._take_offline(user_id, delivery.gone)
        return delivery

    def _take_offline(self, user_id: str, gone: Sequence[DeviceRecord]) -> None:
        """Take gone devices offline. The presence check makes up for failures."""
        now = self._clock.now_ms()
        connections = _connections(gone)
        try:
            for device, connection_id in zip(gone, connections, strict=True):
                self._devices.go_offline(user_id, device.device_id, connection_id, now)
            self._clean_up(connections)
        except StoreUnavailableError as error:
            self._telemetry.warn("gone device not taken offline", cause=error.cause)


def with_origin(
    message: SyncMessage, connection_id: str | None, devices: Sequence[DeviceRecord]
) -> SyncMessage | None:
    """Set a message's origin to the device now on `connection_id`.

    Returns None if no device is on it, and the message unchanged if there is no connection.
    """
    if connection_id is None:
        return message
    for device in devices:
        if device.connection_id == connection_id:
            return msgspec.structs.replace(message, origin_device_id=device.device_id)
    return None


def _connections(devices: Sequence[DeviceRecord], except_for: str | None = None) -> list[str]:
    """Return the connections of the online devices, except one."""
    return [
        device.connection_id
        for device in devices
        if device.connection_id is not None and device.connection_id != except_for
    ]
