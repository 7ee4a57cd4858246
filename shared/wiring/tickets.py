"""The composition root of what checks tickets at the handshake."""

from __future__ import annotations

from collections.abc import Callable

from shared.aws import clients
from shared.data_access.table import Table
from shared.interpretation.ticket_store import TicketStore
from shared.models import schema


def ticket_hashes(sessions_table: str) -> Callable[[str], str | None]:
    """Looks up the hash of a session's ticket in this table."""
    table = Table(clients.dynamodb_client(), sessions_table, schema.SESSION_ID)
    return TicketStore(table).hash_of
