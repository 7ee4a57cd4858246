"""The life of a connection beside any session: it opens, and it shows that it is alive."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.models.connection import Caller, Connection
from shared.models.messages import Heartbeat, HeartbeatAck
from shared.services.refusals import connection_not_found
from shared.utils.clock import Clock


class ConnectionService:
    """Registers connections and answers heartbeat."""

    def __init__(self, connections: ConnectionsRepository, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def register(self, caller: Caller) -> None:
        """Remember a new connection; safe to repeat. Raises StoreUnavailableError."""
        self._connections.register(
            Connection(
                connection_id=caller.connection_id,
                user_id=caller.user_id,
                connected_at=caller.connected_at,
                last_activity_time=caller.received_at,
            )
        )

    def heartbeat(self, caller: Caller, request: Heartbeat) -> HeartbeatAck:
        """Note that the client is alive. Raises CONNECTION_NOT_FOUND."""
        now = self._clock.now_ms()
        if not self._connections.touch(caller.connection_id, now):
            raise connection_not_found()
        return HeartbeatAck(timestamp=now, client_time=request.client_time)
