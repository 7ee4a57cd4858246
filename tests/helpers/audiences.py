"""Audiences of any size, written into a session's row, and the status pushes about them."""

from __future__ import annotations

from collections.abc import Mapping

from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.clients import Clients
from tests.helpers.database.tables import SESSIONS, dynamodb


def set_audience(session_id: str, counts: Mapping[str, int], total: int | None = None) -> None:
    """Set a session's listener counts by language. The total is their sum unless given."""
    sessions_table().update(
        session_id,
        "SET #counts = :counts, #total = :total",
        condition="attribute_exists(#counts)",
        names={"#counts": "languageCounts", "#total": "listenerCount"},
        values={
            ":counts": dict(counts),
            ":total": sum(counts.values()) if total is None else total,
        },
    )


def sessions_table() -> Table:
    """The sessions table of the database in use."""
    return Table(dynamodb(), SESSIONS, schema.SESSION_ID)


def statuses(world: Clients, speaker: str) -> list[tuple[str, int]]:
    """Reason and listener count of each status pushed to a speaker, in order."""
    return [
        (status["updateReason"], status["listenerCount"])
        for status in world.pushes(speaker, "sessionStatus")
    ]
