"""Who sits in a session by the rows themselves, not by the index: for checks, not for audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.data_access.connections_repository import connection_of
from shared.data_access.table import Table
from shared.models.connection import Connection


class MemberRows:
    """Reads members' rows, strongly consistent: a request for each hundred of them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, connection_ids: Sequence[str]) -> list[Connection]:
        """Those that are still there. Raises StoreUnavailableError."""
        return [
            connection_of(item) for item in self._table.batch_get(connection_ids, consistent=True)
        ]


def listeners_by_language(session_id: str, members: Sequence[Connection]) -> Counter[str]:
    """How many of them listen in a session, by language; who was replaced counts no more."""
    return Counter(
        member.membership.seat.language
        for member in members
        if member.membership is not None
        and member.membership.session_id == session_id
        and member.membership.seat.role == "listener"
        and member.replaced_at is None
    )
