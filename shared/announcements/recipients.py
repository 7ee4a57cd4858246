"""Lookup of recipients: their seats, and so the scopes of their announcements."""

from __future__ import annotations

from shared.announcements.announcement import Recipient
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Connection
from shared.models.request_errors import require_registered
from shared.models.session import Session


class Recipients:
    """Looks up recipients. All methods raise StoreUnavailableError."""

    def __init__(self, sessions: SessionsRepository, connections: ConnectionsRepository) -> None:
        self._sessions = sessions
        self._connections = connections

    def of_caller(self, caller: Caller) -> Recipient:
        """Return the caller with their current seat. Raises CONNECTION_NOT_FOUND."""
        connection = require_registered(self._connections.get(caller.connection_id))
        return self._recipient(connection, caller.recipient_key)

    def find(self, connection_id: str, key: str) -> Recipient | None:
        """Return the recipient on a connection; None if it is closed or has been replaced."""
        connection = self._connections.get(connection_id)
        if connection is None or connection.replaced_at is not None:
            return None
        return self._recipient(connection, key)

    def active_session(self, session_id: str) -> Session | None:
        """Return the session, or None if it has ended: an ended session has no members."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.is_active else None

    def _recipient(self, connection: Connection, key: str) -> Recipient:
        connection_id, membership = connection.connection_id, connection.membership
        if membership is None:
            return Recipient(connection_id, key)
        session = self.active_session(membership.session_id)
        if session is None:
            return Recipient(connection_id, key)
        return Recipient(
            connection_id,
            key,
            session.session_id,
            membership.seat,
            session.source_language,
            session.has_floor(connection_id),
        )
