"""What a session keeps of its interpreter's ticket, by one read."""

from __future__ import annotations

from shared.data_access.session_items import TICKET_HASH
from shared.data_access.table import Table


class TicketStore:
    """Looks up the hashes of tickets."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def hash_of(self, session_id: str) -> str | None:
        """The hash of a session's ticket; None without one, or without such a session.

        Strongly consistent. Raises StoreUnavailableError.
        """
        item = self._sessions.get(session_id)
        found = (item or {}).get(TICKET_HASH)
        return found if isinstance(found, str) else None
