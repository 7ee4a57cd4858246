"""The way to a user's devices: the one fan-out, and what follows when it finds a device gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.devices.device import KnownDevice
from shared.devices.device_store import DeviceStore
from shared.fanout.audience import DevicesAudience
from shared.protocol.device_messages import DevicesChanged, SyncMessage
from shared.protocol.message_base import ServerMessage, encode
from shared.services.broadcast_handler import BroadcastHandler
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long a message to devices may take before it is given up (ms).
RELAY_DEADLINE_MS = 3_000
# News of who is online may be old by the time that all have them, and is told again; so often.
_ROUNDS = 3


class GoneConnections:
    """What the fan-out finds gone, until whoever sent takes it: only they know whose it was."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def note(self, _session_id: str, connection_id: str) -> None:
        """The fan-out's `remove_gone`."""
        self._found.append(connection_id)

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self._found = self._found, []
        return found


@dataclass
class Delivery:
    """How a message went: how many devices got it, which ones were gone, and all that there are."""

    delivered: int = 0
    gone: list[KnownDevice] = field(default_factory=list)
    devices: list[KnownDevice] = field(default_factory=list)


class DeviceFanout:
    """Sends to devices of one user. Who is gone goes offline, and `clean_up` forgets what else the
    connections were, as everywhere.
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

    def to_others(
        self, user_id: str, message: SyncMessage, *, connection_id: str | None = None
    ) -> Delivery:
        """To all of a user's devices that are online, but for the one that says it: whatever is on
        that connection, or else the message's origin. Raises StoreUnavailableError if they cannot
        be read.
        """
        devices = self._devices.of(user_id)
        message = said_on(connection_id, devices, message) or message
        others = [item for item in devices if item.device_id != message.origin_device_id]
        recipients = _connections(others, connection_id)
        return self._send(user_id, recipients.copy, encode(message), Delivery(devices=devices))

    def to_one(self, user_id: str, device: KnownDevice, message: ServerMessage) -> Delivery:
        """To the connection that a device is on."""
        delivery = Delivery(devices=[device])
        return self._send(user_id, lambda: _connections([device]), encode(message), delivery)

    def tell_devices(self, user_id: str, *, connection_id: str | None = None) -> list[KnownDevice]:
        """Tell all devices but the one on `connection_id` which ones there are; returns them.

        What was told is compared with what there is by then, and told anew if it differs: somebody
        was found gone, or another instance tells of another change at the same time, and its news
        may have been overtaken by these. Raises StoreUnavailableError.
        """
        devices = self._devices.of(user_id)
        for _ in range(_ROUNDS):
            recipients = _connections(devices, connection_id)
            data = encode(DevicesChanged(devices=[device.shown() for device in devices]))
            delivery = Delivery(devices=devices)
            if not recipients:
                break
            self._send(user_id, recipients.copy, data, delivery)
            told, devices = devices, self._devices.of(user_id)
            if devices == told:
                break
        return devices

    def _send(
        self, user_id: str, online: Callable[[], Sequence[str]], data: bytes, delivery: Delivery
    ) -> Delivery:
        deadline_at = self._clock.now_ms() + RELAY_DEADLINE_MS
        self._gone.take()
        (sent,) = self._broadcasts.broadcast([(DevicesAudience(online), data)], deadline_at)
        result = sent.result
        if result.error is not None:
            raise StoreUnavailableError(result.error)
        delivery.delivered = result.success_count
        gone = set(self._gone.take())
        delivery.gone = [device for device in delivery.devices if device.connection_id in gone]
        if gone:
            self._give_up(user_id, delivery.gone)
        return delivery

    def _give_up(self, user_id: str, gone: Sequence[KnownDevice]) -> None:
        """Best effort: what fails here, the pass of every minute finds."""
        now = self._clock.now_ms()
        connections = _connections(gone)
        try:
            for device, connection_id in zip(gone, connections, strict=True):
                self._devices.go_offline(user_id, device.device_id, connection_id, now)
            self._clean_up(connections)
        except StoreUnavailableError as error:
            self._telemetry.warn("device that is gone not given up", cause=error.cause)


def said_on(
    connection_id: str | None, devices: Sequence[KnownDevice], message: SyncMessage
) -> SyncMessage | None:
    """The message with the device that is on that connection now as its origin; None if there is
    none. What comes over no connection is as it was.
    """
    if connection_id is None:
        return message
    for device in devices:
        if device.connection_id == connection_id:
            return msgspec.structs.replace(message, origin_device_id=device.device_id)
    return None


def _connections(devices: Sequence[KnownDevice], except_for: str | None = None) -> list[str]:
    """Where those of them are that are online, but for one connection."""
    return [
        device.connection_id
        for device in devices
        if device.connection_id is not None and device.connection_id != except_for
    ]
