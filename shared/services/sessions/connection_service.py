"""The life of a connection beside any session: it opens, and it shows that it is alive."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller, Connection

# Beyond, the oldest note is forgotten, and may cost a write.
_MAX_RECORDED = 10_000

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class ConnectionService:
    """Registers connections and notes their signs of life."""

    def __init__(self, connections: ConnectionsRepository) -> None:
        self._connections = connections
        # When each was last tracked by this instance (ms), so that few requests cost a write.
        self._recorded_at: OrderedDict[str, int] = OrderedDict()

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

    def tracking_activity(
        self, service: Callable[[Caller, _Request], _Reply]
    ) -> Callable[[Caller, _Request], _Reply]:
        """`service`, with its requests recorded as activity.

        Not of a connection that is younger than the interval, as those of most who join.
        """

        def tracked(caller: Caller, request: _Request) -> _Reply:
            try:
                return service(caller, request)
            finally:
                self.record(caller)

        return tracked

    def record(self, caller: Caller) -> None:
        """The caller has shown that it is alive; few such notes cost a write."""
        last = self._recorded_at.get(caller.connection_id, caller.connected_at)
        if caller.received_at - last < ACTIVITY_INTERVAL_MS:
            return
        self._recorded_at[caller.connection_id] = caller.received_at
        self._recorded_at.move_to_end(caller.connection_id)
        if len(self._recorded_at) > _MAX_RECORDED:
            self._recorded_at.popitem(last=False)
        with suppress(StoreUnavailableError):  # no reason to refuse the request
            self._connections.touch(caller.connection_id, caller.received_at)
