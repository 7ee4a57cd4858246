"""Idle connections: found through the idle index, claimed by a conditional write.

The index is sorted by last activity, so a query reads only idle connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shared.data_access.connection_items import ACTIVITY_BUCKETS
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema
from shared.models.connection import Seat
from shared.models.terms import Role

_CLAIMED_AT = "claimedAt"


class ClaimLimits(msgspec.Struct, frozen=True):
    """Latest times at which a connection may be claimed (ms since the epoch).

    It was last active by `active_until`; if replaced, by `replaced_until`; if claimed before, by
    `claimed_until`.
    """

    active_until: int
    replaced_until: int
    claimed_until: int


class Claim(msgspec.Struct, frozen=True):
    """A connection that the claimant must close; `role` is None if it never joined.

    `replaced`: a newer connection has its seat. `last_activity_time` is in ms since the epoch.
    """

    connection_id: str
    last_activity_time: int
    role: Role | None
    replaced: bool


class IdleConnections:
    """Finds and claims idle connections. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @staticmethod
    def buckets() -> tuple[str, ...]:
        """Partition keys of the idle index."""
        return tuple(map(str, range(ACTIVITY_BUCKETS)))

    def find(self, bucket: str, active_until: int) -> Iterator[str]:
        """IDs of a bucket's connections last active by `active_until`, longest idle first.

        Eventually consistent, read page by page.
        """
        items = self._table.query(
            schema.IDLE_INDEX,
            "#bucket = :bucket AND #active <= :until",
            names={"#bucket": schema.ACTIVITY_BUCKET, "#active": schema.LAST_ACTIVITY_TIME},
            values={":bucket": bucket, ":until": active_until},
        )
        return (item[schema.CONNECTION_ID] for item in items)

    def claim(self, connection_id: str, limits: ClaimLimits, now_ms: int) -> Claim | None:
        """Claim a connection. None if it is active, gone, or claimed by another sweep."""
        try:
            item = self._table.update(
                connection_id,
                "SET #claimed = :now",
                condition="#active <= :active"
                " AND (attribute_not_exists(#replaced) OR #replaced <= :replaced)"
                " AND (attribute_not_exists(#claimed) OR #claimed <= :again)",
                names={
                    "#active": schema.LAST_ACTIVITY_TIME,
                    "#replaced": schema.REPLACED_AT,
                    "#claimed": _CLAIMED_AT,
                },
                values={
                    ":now": now_ms,
                    ":active": limits.active_until,
                    ":replaced": limits.replaced_until,
                    ":again": limits.claimed_until,
                },
            )
        except ConditionFailedError:
            return None
        seat = item.get(schema.SEAT)
        return Claim(
            connection_id,
            item[schema.LAST_ACTIVITY_TIME],
            Seat.parse(seat).role if seat else None,
            schema.REPLACED_AT in item,
        )
