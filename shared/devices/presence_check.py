"""Presence check of all online devices, each minute.

Takes devices offline whose connection ended without a $disconnect, and counts the others.
"""

from __future__ import annotations

from itertools import islice

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.member_rows import MemberRows
from shared.devices.device_store import DeviceStore
from shared.devices.fanout import DeviceFanout
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Rows per round, as many as one BatchGetItem takes, and the time to reserve for a round (ms).
_ROUND = 100
_ROUND_MS = 2_000
# Time to reserve for sending devicesChanged to one user (ms).
_SEND_MS = 3_500


class PresenceCheck:
    """Takes devices without a connection offline."""

    def __init__(
        self,
        devices: DeviceStore,
        rows: MemberRows,
        fanout: DeviceFanout,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._devices = devices
        self._rows = rows
        self._fanout = fanout
        self._clock = clock
        self._telemetry = telemetry

    def run(self, until_ms: int) -> None:
        """Check all online devices, or as many as possible by `until_ms`.

        Raises StoreUnavailableError.
        """
        buckets = self._devices.buckets()
        # Rotate the start bucket so that truncated runs stay fair.
        first = self._clock.now_ms() // 60_000 % len(buckets)
        # An index that changes during the read may list a device twice.
        online = dict.fromkeys(
            device
            for bucket in (*buckets[first:], *buckets[:first])
            for device in self._devices.online(bucket)
        )
        self._telemetry.count("ConnectedDevices", len(online))
        self._telemetry.count("ConnectedUsers", len({user_id for user_id, _ in online}))
        remaining = iter(online)
        while devices := list(islice(remaining, _ROUND)):
            if self._clock.now_ms() + _ROUND_MS > until_ms:
                self._telemetry.warn("presence check cut short", online=len(online))
                return
            for user_id in self._take_offline(devices):
                if self._clock.now_ms() + _SEND_MS > until_ms:
                    # The user's next change sends the list.
                    self._telemetry.warn("devicesChanged not sent")
                    return
                self._send_devices_changed(user_id)

    def _take_offline(self, online: list[tuple[str, str]]) -> list[str]:
        """Take devices offline whose connection has no row; return their users."""
        found = [
            (user_id, device, device.connection_id)
            for user_id, device in self._devices.read(online)
            if device.connection_id is not None
        ]
        connection_ids = list(dict.fromkeys(connection_id for _, _, connection_id in found))
        known = {row.connection_id for row in self._rows.read(connection_ids)}
        now = self._clock.now_ms()
        users = {
            user_id: None
            for user_id, device, connection_id in found
            if connection_id not in known
            and self._devices.go_offline(user_id, device.device_id, connection_id, now)
        }
        return list(users)

    def _send_devices_changed(self, user_id: str) -> None:
        try:
            self._fanout.send_devices_changed(user_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("devicesChanged not sent", cause=error.cause)
