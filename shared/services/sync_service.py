"""`sync`: what a device says to its user's other devices."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from shared.models.connection import Caller
from shared.models.device_messages import Sync, SyncAccepted
from shared.models.errors import ErrorCode, LingocastError
from shared.services.refusals import require_user
from shared.services.sync_relay import DeviceLookup, SyncRelay
from shared.utils.clock import Clock
from shared.utils.sync_validators import validate_clock, validate_sync

# Beyond, the oldest connection is looked up once more.
_MOST_KNOWN = 10_000


class Origins:
    """Which device a connection is, as far as this instance knows.

    A sync is written before the user's devices are read, for the sake of those that register
    meanwhile, so the sender has to be known before that; a query for each sync would double its
    reads.
    """

    def __init__(self, devices: DeviceLookup) -> None:
        self._devices = devices
        self._known: OrderedDict[str, str] = OrderedDict()

    def of(self, user_id: str, connection_id: str) -> str:
        """The device. Raises DEVICE_NOT_REGISTERED, or StoreUnavailableError."""
        known = self._known.get(connection_id)
        if known is not None:
            self._known.move_to_end(connection_id)
            return known
        for device in self._devices.of(user_id):
            if device.connection_id == connection_id:
                self._known[connection_id] = device.device_id
                if len(self._known) > _MOST_KNOWN:
                    self._known.popitem(last=False)
                return device.device_id
        raise LingocastError(
            ErrorCode.DEVICE_NOT_REGISTERED,
            "sync: the connection is no device; register it first",
        )

    def forget(self, connection_id: str) -> None:
        """The connection is that device no more."""
        self._known.pop(connection_id, None)


class SyncService:
    """Takes syncs from devices."""

    def __init__(self, relay: SyncRelay, devices: DeviceLookup, clock: Clock) -> None:
        self._relay = relay
        self._origins = Origins(devices)
        self._clock = clock

    def sync(self, caller: Caller, request: Sync) -> SyncAccepted:
        """Merge and relay. Raises INVALID_SYNC, CLOCK_SKEW, AUTHENTICATION_REQUIRED,
        DEVICE_NOT_REGISTERED, DEVICE_NOT_FOUND or DEVICE_OFFLINE.
        """
        message = validate_sync(request, caller.received_at)
        validate_clock(message.hlc, self._clock.now_ms())
        user_id = require_user(caller, "sync")
        origin = self._origins.of(user_id, caller.connection_id)
        accepted = self._relay.accept(
            user_id,
            msgspec.structs.replace(message, origin_device_id=origin),
            from_connection=caller.connection_id,
        )
        if accepted.devices is not None and not any(
            device.device_id == origin and device.connection_id == caller.connection_id
            for device in accepted.devices
        ):
            self._origins.forget(caller.connection_id)
        return SyncAccepted(
            kind=request.kind,
            applied=accepted.applied,
            delivered=accepted.delivered,
            current=accepted.current,
        )
