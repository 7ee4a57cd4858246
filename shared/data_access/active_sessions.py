"""All sessions that are on air, whatever their speakers do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from shared.data_access.session_items import ACTIVE_BUCKETS, from_item
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.session import Session

# What one BatchGetItem takes.
_BATCH = 100


class ActiveSessions:
    """Reads the index of active sessions, and then the sessions, each batch when it is wanted."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def ids(self) -> Iterator[str]:
        """Their ids, bucket by bucket: one query a bucket, unless it has pages."""
        for bucket in range(ACTIVE_BUCKETS):
            items = self._table.query(
                schema.ACTIVE_INDEX,
                "#bucket = :bucket",
                names={"#bucket": schema.ACTIVE_BUCKET},
                values={":bucket": str(bucket)},
            )
            yield from (item[schema.SESSION_ID] for item in items)

    def rows(self) -> Iterator[list[Item]]:
        """Their rows, a hundred at a time; eventually consistent, so some may have ended.

        Raises StoreUnavailableError.
        """
        ids = self.ids()
        while batch := list(islice(ids, _BATCH)):
            yield self._table.batch_get(batch)

    def sessions(self) -> Iterator[Session]:
        """The sessions of those rows, read when they are wanted."""
        for rows in self.rows():
            yield from map(from_item, rows)
