"""The `sync` request: a change or command for the user's other devices."""

from __future__ import annotations

import msgspec

from shared.data_access.connections_repository import ConnectionsRepository
from shared.devices.connection_devices import ConnectionDevices
from shared.devices.relay import SyncRelay
from shared.devices.validators import validate_clock, validate_sync
from shared.models.connection import Caller
from shared.models.errors import LingocastError
from shared.models.request_errors import require_registered, require_user
from shared.protocol.device_messages import Sync, SyncAccepted
from shared.utils.clock import Clock


class SyncService:
    """Answers sync."""

    def __init__(
        self,
        relay: SyncRelay,
        connection_devices: ConnectionDevices,
        connections: ConnectionsRepository,
        clock: Clock,
    ) -> None:
        self._relay = relay
        self._connection_devices = connection_devices
        self._connections = connections
        self._clock = clock

    def sync(self, caller: Caller, request: Sync) -> SyncAccepted:
        """Merge and relay a change or command.

        Raises INVALID_SYNC, CLOCK_SKEW, AUTHENTICATION_REQUIRED, CONNECTION_NOT_FOUND,
        DEVICE_NOT_REGISTERED, DEVICE_NOT_FOUND or DEVICE_OFFLINE.
        """
        message = validate_sync(request, caller.received_at)
        validate_clock(message.hlc, self._clock.now_ms())
        user_id = require_user(caller, "sync")
        require_registered(self._connections.get(caller.connection_id))
        origin = self._connection_devices.look_up(user_id, caller.connection_id)
        try:
            result = self._relay.accept(
                user_id,
                msgspec.structs.replace(message, origin_device_id=origin),
                from_connection=caller.connection_id,
            )
        except LingocastError:
            # The cause may be a stale cache entry.
            self._connection_devices.forget(caller.connection_id)
            raise
        if result.devices is not None and not any(
            device.device_id == origin and device.connection_id == caller.connection_id
            for device in result.devices
        ):
            self._connection_devices.forget(caller.connection_id)
        return SyncAccepted(
            kind=request.kind,
            applied=result.applied,
            delivered=result.delivered,
            current=result.current,
        )
