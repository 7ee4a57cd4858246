"""Answers heartbeat: records activity and renews interpreters' leases."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.models.connection import Caller
from shared.models.request_errors import require_registered
from shared.protocol.messages import Heartbeat, HeartbeatAck
from shared.services.sessions.connection_service import ConnectionService
from shared.services.sessions.lease_renewals import LeaseRenewals
from shared.utils.clock import Clock


class HeartbeatService:
    """Answers heartbeat with one conditional write.

    For listeners and speakers the write goes to the connection, followed by a read if the last
    activity is less than 30 s old. For interpreters with a cached place it goes to the session.
    """

    def __init__(
        self,
        connections: ConnectionsRepository,
        activity: ConnectionService,
        leases: LeaseRenewals,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._activity = activity
        self._leases = leases
        self._clock = clock

    def heartbeat(self, caller: Caller, request: Heartbeat) -> HeartbeatAck:
        """Record that the client is alive. Raises CONNECTION_NOT_FOUND."""
        now = self._clock.now_ms()
        lease = self._leases.renew_known(caller.connection_id)
        if lease is not None:
            self._activity.record(caller)
        else:
            connection = require_registered(self._connections.touch(caller.connection_id, now))
            lease = self._leases.renew_for(connection)
        return HeartbeatAck(timestamp=now, client_time=request.client_time, lease=lease)
