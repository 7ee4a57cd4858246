"""All connections of the service, from the index that the idle sweep uses."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shared.data_access.idle_connections import IdleConnections
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.connection import Seat


class PresentConnection(msgspec.Struct, frozen=True):
    """A connection as the index shows it; times are ms since the epoch.

    `seated_at` is when it joined its session.
    """

    connection_id: str
    user_id: str | None
    connected_at: int
    last_active_at: int
    session_id: str | None = None
    seat: Seat | None = None
    seated_at: int | None = None


class Presence:
    """Reads all connections; eventually consistent, one query per bucket and page."""

    def __init__(self, connections: Table) -> None:
        self._connections = connections

    def connections(self, active_since: int = 0) -> Iterator[PresentConnection]:
        """Connections active since `active_since` (ms), except replaced ones.

        Includes connections that ended without a $disconnect, until the sweep closes them. Raises
        StoreUnavailableError.
        """
        for bucket in IdleConnections.buckets():
            items = self._connections.query(
                schema.IDLE_INDEX,
                "#bucket = :bucket AND #active >= :since",
                names={"#bucket": schema.ACTIVITY_BUCKET, "#active": schema.LAST_ACTIVITY_TIME},
                values={":bucket": bucket, ":since": active_since},
            )
            for item in items:
                if schema.REPLACED_AT not in item:
                    yield _present(item)

    def members(self, session_id: str) -> list[PresentConnection]:
        """Members of a session, except replaced ones. Raises StoreUnavailableError.

        Finds them through the index and reads their rows strongly consistent, 100 per request.
        """
        found = self._connections.query(
            schema.AUDIENCE_INDEX,
            "#session = :session",
            names={"#session": schema.SESSION_ID},
            values={":session": session_id},
        )
        ids = [item[schema.CONNECTION_ID] for item in found]
        return [
            _present(item)
            for item in self._connections.batch_get(ids, consistent=True)
            if item.get(schema.SESSION_ID) == session_id and schema.REPLACED_AT not in item
        ]


def _present(item: Item) -> PresentConnection:
    seat = item.get(schema.SEAT)
    return PresentConnection(
        connection_id=item[schema.CONNECTION_ID],
        user_id=item.get(schema.USER_ID),
        connected_at=item[schema.CONNECTED_AT],
        last_active_at=item[schema.LAST_ACTIVITY_TIME],
        session_id=item.get(schema.SESSION_ID),
        seat=Seat.parse(seat) if seat else None,
        seated_at=item.get(schema.SEATED_AT),
    )
