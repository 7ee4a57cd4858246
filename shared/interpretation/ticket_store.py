"""Hashes of the tickets by which sessions know their own interpreters."""

from __future__ import annotations

from shared.data_access.session_items import TICKET_HASH
from shared.data_access.table import Table


class TicketStore:
    """Reads ticket hashes from the sessions table."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def hash_of(self, session_id: str) -> str | None:
        """The hash of the session's ticket; None without a ticket or session.

        A strongly consistent read. Raises StoreUnavailableError.
        """
        item = self._sessions.get(session_id)
        found = (item or {}).get(TICKET_HASH)
        return found if isinstance(found, str) else None
