"""Lookup of a caller's seat, with the errors for callers without one."""

from __future__ import annotations

import msgspec

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Connection, Membership
from shared.models.errors import LingocastError
from shared.models.request_errors import (
    already_in_session,
    connection_not_found,
    forbidden,
    not_in_session,
    require_registered,
    session_ended,
    session_not_found,
)
from shared.models.session import Session
from shared.services.sessions.leave_service import LeaveService


class OccupiedSeat(msgspec.Struct, frozen=True):
    """A membership with its session and connection, as just read."""

    membership: Membership
    session: Session
    connection: Connection


class SeatLookup:
    """Looks up the seats of connections.

    The end of a session does not update its members' rows, which may be thousands. Such a stale
    membership is ignored, and removed when found.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        leave_service: LeaveService,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._leave_service = leave_service

    def current(self, caller: Caller) -> OccupiedSeat | Connection:
        """Return the caller's seat in an active session, or the connection if it has none.

        Completes an interrupted leave first. Raises CONNECTION_NOT_FOUND.
        """
        connection = self.connection(caller)
        self._leave_service.complete(connection)
        membership = connection.membership
        if membership is None:
            return connection
        session = self._sessions.get(membership.session_id)
        if session is not None and session.is_active:
            return OccupiedSeat(membership, session, connection)
        self._leave_service.leave(caller.connection_id, membership)
        return self.connection(caller)

    def require(self, caller: Caller, action: str) -> OccupiedSeat:
        """Return the caller's seat.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_NOT_FOUND or SESSION_ENDED.
        """
        return self.require_of(self.connection(caller), action)

    def require_of(self, connection: Connection, action: str) -> OccupiedSeat:
        """Like `require`, for a connection already read."""
        membership = connection.membership
        if membership is None:
            raise not_in_session(action)
        session = self._sessions.get(membership.session_id)
        if session is None:
            raise session_not_found()
        if not session.is_active:
            raise session_ended()
        return OccupiedSeat(membership, session, connection)

    def require_floor(self, caller: Caller, action: str) -> Session:
        """Return the session whose floor the caller holds.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED or FORBIDDEN.
        """
        session = self.require(caller, action).session
        if not session.has_floor(caller.connection_id):
            raise forbidden(action, "the session's speaker")
        return session

    def seat_error(self, caller: Caller) -> LingocastError:
        """Return the error for a failed seat: connection not found or already in a session."""
        if self._connections.get(caller.connection_id) is None:
            return connection_not_found()
        return already_in_session()

    def has_seat(self, caller: Caller, membership: Membership) -> bool:
        """Whether the caller has that seat, for example by a concurrent request."""
        connection = self._connections.get(caller.connection_id)
        return connection is not None and connection.membership == membership

    def membership(self, caller: Caller) -> Membership | None:
        """Return the caller's membership, possibly stale. Raises CONNECTION_NOT_FOUND."""
        return self.connection(caller).membership

    def connection(self, caller: Caller) -> Connection:
        """Return the caller's connection. Raises CONNECTION_NOT_FOUND."""
        return require_registered(self._connections.get(caller.connection_id))
