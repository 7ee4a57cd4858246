"""Who is online, looked at by the clock: devices whose connection is over without a word go
offline, and how many there are is told to operators.
"""

from __future__ import annotations

from itertools import islice

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.member_rows import MemberRows
from shared.devices.device_store import DeviceStore
from shared.devices.fanout import DeviceFanout
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Rows of one BatchGetItem, and how long a round with them may take (ms).
_ROUND = 100
_ROUND_MS = 2_000
# How long telling one user's devices may take (ms).
_TELL_MS = 3_500


class DevicePresence:
    """The pass of every minute."""

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
        """Look at all devices that are online, or at as many as there is time for by `until_ms`.

        Raises StoreUnavailableError.
        """
        buckets = self._devices.buckets()
        # Whoever is cut short shall not always be cut short of the same ones.
        first = self._clock.now_ms() // 60_000 % len(buckets)
        # An index that changes while it is read may name one of them twice.
        online = dict.fromkeys(
            device
            for bucket in (*buckets[first:], *buckets[:first])
            for device in self._devices.online(bucket)
        )
        self._telemetry.count("ConnectedDevices", len(online))
        self._telemetry.count("ConnectedUsers", len({user_id for user_id, _ in online}))
        waiting = iter(online)
        while devices := list(islice(waiting, _ROUND)):
            if self._clock.now_ms() + _ROUND_MS > until_ms:
                self._telemetry.warn("pass over devices cut short", online=len(online))
                return
            for user_id in self._give_up_gone(devices):
                if self._clock.now_ms() + _TELL_MS > until_ms:
                    # They hear it with the next change.
                    self._telemetry.warn("devices not told of one that is gone")
                    return
                self._tell(user_id)

    def _give_up_gone(self, online: list[tuple[str, str]]) -> list[str]:
        """Those whose connection is not known any more go offline; whose devices they were."""
        found = [
            (user_id, device, device.connection_id)
            for user_id, device in self._devices.read(online)
            if device.connection_id is not None
        ]
        asked = list(dict.fromkeys(connection_id for _, _, connection_id in found))
        known = {row.connection_id for row in self._rows.read(asked)}
        now = self._clock.now_ms()
        users = {
            user_id: None
            for user_id, device, connection_id in found
            if connection_id not in known
            and self._devices.go_offline(user_id, device.device_id, connection_id, now)
        }
        return list(users)

    def _tell(self, user_id: str) -> None:
        try:
            self._fanout.tell_devices(user_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("devices not told of one that is gone", cause=error.cause)
