"""Rights of a connection whose handshake token has expired.

API Gateway keeps the authorizer's context for the life of a connection, so the context identifies
the caller but does not say whether the token is still valid. `authenticate` stores a newer token's
expiry and groups in the connection's row.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from msgspec.structs import replace

from shared.data_access.connections_repository import ConnectionsRepository
from shared.models.connection import Caller
from shared.models.request_errors import connection_not_found, token_expired
from shared.protocol.authentication_messages import Authenticate
from shared.protocol.message_base import Request, action_of
from shared.protocol.messages import LeaveSession

# Above this, the oldest entry is evicted, and its next request costs a read.
_MAX_RENEWED = 10_000


class _RenewedRights(msgspec.Struct, frozen=True):
    """Rights of the latest token in a connection's row."""

    until: int
    groups: frozenset[str]


class TokenRights:
    """Admits requests while the token is valid, or expired within the tolerance.

    Requests cost no read while the handshake token is valid, then one read per newer token and
    instance. After the tolerance only listeners may go on, with the rights of anonymous callers.
    """

    def __init__(self, connections: ConnectionsRepository, tolerance_seconds: int) -> None:
        self._connections = connections
        self._tolerance_ms = tolerance_seconds * 1000
        self._renewed: OrderedDict[str, _RenewedRights] = OrderedDict()

    def admit(self, caller: Caller, request: Request) -> Caller:
        """Return the caller with the rights of the latest token.

        Raises TOKEN_EXPIRED, CONNECTION_NOT_FOUND and StoreUnavailableError.
        """
        if caller.token_expires_at is None or self._covers(caller.token_expires_at, caller):
            return caller
        renewed = self._renewed.get(caller.connection_id)
        if renewed is not None and self._covers(renewed.until, caller):
            return replace(caller, groups=renewed.groups)
        connection = self._connections.get(caller.connection_id)
        if connection is None:
            raise connection_not_found()
        until = connection.authenticated_until
        if until is not None and self._covers(until, caller):
            renewed = _RenewedRights(until, connection.authenticated_groups)
            self._remember(caller.connection_id, renewed)
            return replace(caller, groups=renewed.groups)
        if connection.replaced_at is not None:
            raise connection_not_found()
        seated = connection.membership
        listens = seated is not None and seated.seat.role == "listener"
        if listens or isinstance(request, Authenticate | LeaveSession):
            return replace(caller, groups=frozenset(), token_expired=True)
        raise token_expired(action_of(type(request)))

    def _covers(self, expires_at: int, caller: Caller) -> bool:
        return caller.received_at < expires_at + self._tolerance_ms

    def _remember(self, connection_id: str, renewed: _RenewedRights) -> None:
        self._renewed[connection_id] = renewed
        self._renewed.move_to_end(connection_id)
        if len(self._renewed) > _MAX_RENEWED:
            self._renewed.popitem(last=False)
