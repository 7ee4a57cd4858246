"""Members of a session from their own rows, for consistency checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.data_access.connection_items import from_item
from shared.data_access.table import Table
from shared.models.connection import Connection


class MemberRows:
    """Reads members' rows, strongly consistent, 100 per request."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, connection_ids: Sequence[str]) -> list[Connection]:
        """Read the connections that still exist. Raises StoreUnavailableError."""
        return [from_item(item) for item in self._table.batch_get(connection_ids, consistent=True)]


def listeners_by_language(session_id: str, members: Sequence[Connection]) -> Counter[str]:
    """Count a session's listeners by language, without replaced connections."""
    return Counter(
        member.membership.seat.language
        for member in members
        if member.membership is not None
        and member.membership.session_id == session_id
        and member.membership.seat.role == "listener"
        and member.replaced_at is None
    )
