"""Who has acknowledged which announcement."""

from __future__ import annotations

from collections.abc import Sequence

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import acknowledgement_key, expires_at
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema


class AcknowledgementStore:
    """One row for each reader and announcement; they go with it. All methods raise
    StoreUnavailableError.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, announced: AnnouncementRecord, reader: str, *, until: int | None = None) -> bool:
        """Remember that a reader has seen an announcement, at most `until` (s since the epoch);
        False if that is known.
        """
        lasts = expires_at(announced)
        try:
            self._table.put_new(
                {
                    schema.ANNOUNCEMENT_KEY: acknowledgement_key(announced.announcement_id, reader),
                    schema.EXPIRES_AT: lasts if until is None else min(lasts, until),
                }
            )
        except ConditionFailedError:
            return False
        return True

    def of(self, reader: str, announcements: Sequence[AnnouncementRecord]) -> set[str]:
        """The ids of those that a reader has acknowledged, strongly consistent, by one request."""
        ids = {
            acknowledgement_key(each.announcement_id, reader): each.announcement_id
            for each in announcements
        }
        items = self._table.batch_get(list(ids), consistent=True)
        return {ids[item[schema.ANNOUNCEMENT_KEY]] for item in items}
