"""Who reads announcements: where they sit, and so what is announced to them."""

from __future__ import annotations

from shared.announcements.announcement import Recipient
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Connection
from shared.models.request_errors import require_registered
from shared.models.session import Session


class Recipients:
    """Looks readers up. All methods raise StoreUnavailableError."""

    def __init__(self, sessions: SessionsRepository, connections: ConnectionsRepository) -> None:
        self._sessions = sessions
        self._connections = connections

    def calling(self, caller: Caller) -> Recipient:
        """The caller, as they sit now. Raises CONNECTION_NOT_FOUND."""
        connection = require_registered(self._connections.get(caller.connection_id))
        return self._reader(connection, caller.recipient_key)

    def find(self, connection_id: str, key: str) -> Recipient | None:
        """Whoever has that connection; None if it is over, or another one has its seat."""
        connection = self._connections.get(connection_id)
        if connection is None or connection.replaced_at is not None:
            return None
        return self._reader(connection, key)

    def _reader(self, connection: Connection, key: str) -> Recipient:
        connection_id, membership = connection.connection_id, connection.membership
        if membership is None:
            return Recipient(connection_id, key)
        session = self.session(membership.session_id)
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

    def session(self, session_id: str) -> Session | None:
        """The session, unless it is over: then nobody is in it any more."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.is_active else None
