"""Connections outside of any session: registration and activity."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller, Connection

# Above this, the oldest entry is evicted, which may cost a write.
_MAX_RECORDED = 10_000

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class ConnectionService:
    """Registers connections and records their activity."""

    def __init__(self, connections: ConnectionsRepository) -> None:
        self._connections = connections
        # Time of the last record per connection (ms), so that few requests cost a write.
        self._recorded_at: OrderedDict[str, int] = OrderedDict()

    def register(self, caller: Caller) -> None:
        """Store a new connection. Idempotent. Raises StoreUnavailableError."""
        self._connections.register(
            Connection(
                connection_id=caller.connection_id,
                user_id=caller.user_id,
                connected_at=caller.connected_at,
                last_activity_time=caller.received_at,
            )
        )

    def tracking_activity(
        self, service: Callable[[Caller, _Request], _Reply]
    ) -> Callable[[Caller, _Request], _Reply]:
        """Wrap `service` so that its requests count as activity, like heartbeats.

        Requests on a connection younger than the interval are not recorded.
        """

        def tracked(caller: Caller, request: _Request) -> _Reply:
            try:
                return service(caller, request)
            finally:
                self.record(caller)

        return tracked

    def record(self, caller: Caller) -> None:
        """Record that the caller is alive. Few calls cost a write."""
        last = self._recorded_at.get(caller.connection_id, caller.connected_at)
        if caller.received_at - last < ACTIVITY_INTERVAL_MS:
            return
        self._recorded_at[caller.connection_id] = caller.received_at
        self._recorded_at.move_to_end(caller.connection_id)
        if len(self._recorded_at) > _MAX_RECORDED:
            self._recorded_at.popitem(last=False)
        with suppress(StoreUnavailableError):  # not a reason to refuse the request
            self._connections.touch(caller.connection_id, caller.received_at)
