"""Conversion between connections and DynamoDB items."""

from __future__ import annotations

import zlib

from shared.data_access.table import Item
from shared.models import schema
from shared.models.connection import (
    CONNECTION_LIFETIME_MS,
    Connection,
    LeftSeat,
    Membership,
    Seat,
)

# Attributes used by the repository too.
SOURCE = "interpreterSource"
TURN = "turn"
LEFT_SESSION = "leftSessionId"
LEFT_SEAT = "leftSeat"

ACTIVITY_BUCKETS = 8
# A row outlives its connection, so that a late $disconnect still finds it.
_EXPIRY_MARGIN_SECONDS = 60 * 60


def activity_bucket(connection_id: str) -> str:
    """Bucket of a connection in the idle index."""
    return str(zlib.crc32(connection_id.encode()) % ACTIVITY_BUCKETS)


def to_item(connection: Connection) -> Item:
    """Convert a new connection to a row."""
    lifetime_seconds = CONNECTION_LIFETIME_MS // 1000
    return {
        schema.CONNECTION_ID: connection.connection_id,
        schema.ACTIVITY_BUCKET: activity_bucket(connection.connection_id),
        schema.LAST_ACTIVITY_TIME: connection.last_activity_time,
        schema.EXPIRES_AT: connection.connected_at // 1000
        + lifetime_seconds
        + _EXPIRY_MARGIN_SECONDS,
        schema.USER_ID: connection.user_id,
        schema.CONNECTED_AT: connection.connected_at,
    }


def from_item(item: Item) -> Connection:
    """Convert a row to a connection."""
    membership = None
    if schema.SESSION_ID in item:
        membership = Membership(
            item[schema.SESSION_ID],
            Seat.parse(item[schema.SEAT]),
            item.get("epoch"),
            item.get(SOURCE),
        )
    return Connection(
        connection_id=item[schema.CONNECTION_ID],
        user_id=item.get(schema.USER_ID),
        connected_at=item[schema.CONNECTED_AT],
        last_activity_time=item[schema.LAST_ACTIVITY_TIME],
        membership=membership,
        replaced_at=item.get(schema.REPLACED_AT),
        authenticated_until=item.get(schema.AUTHENTICATED_UNTIL),
        authenticated_groups=frozenset(
            filter(None, item.get(schema.AUTHENTICATED_GROUPS, "").split(","))
        ),
        turn=item.get(TURN, 0),
        left=LeftSeat(item[LEFT_SESSION], Seat.parse(item[LEFT_SEAT]))
        if LEFT_SESSION in item
        else None,
    )


def before_leaving(item: Item) -> Item:
    """Revert `leave` in a row, as far as the row still knows the seat."""
    return {
        **item,
        schema.SESSION_ID: item[LEFT_SESSION],
        schema.SEAT: item[LEFT_SEAT],
        TURN: item[TURN] - 1,
    }
