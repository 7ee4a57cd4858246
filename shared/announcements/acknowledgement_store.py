"""Acknowledgements in the announcements table."""

from __future__ import annotations

from collections.abc import Sequence

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import acknowledgement_key, expires_at
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema


class AcknowledgementStore:
    """One row for each recipient and announcement. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(
        self, announcement: AnnouncementRecord, recipient_key: str, *, until: int | None = None
    ) -> bool:
        """Store an acknowledgement; False if it is already stored.

        It expires with the announcement, or at `until` (s since the epoch) if that is earlier.
        """
        expiry = expires_at(announcement)
        try:
            self._table.put_new(
                {
                    schema.ANNOUNCEMENT_KEY: acknowledgement_key(
                        announcement.announcement_id, recipient_key
                    ),
                    schema.EXPIRES_AT: expiry if until is None else min(expiry, until),
                }
            )
        except ConditionFailedError:
            return False
        return True

    def acknowledged_ids(
        self, recipient_key: str, announcements: Sequence[AnnouncementRecord]
    ) -> set[str]:
        """Return the ids of the announcements that the recipient has acknowledged.

        One strongly consistent request.
        """
        ids = {
            acknowledgement_key(each.announcement_id, recipient_key): each.announcement_id
            for each in announcements
        }
        items = self._table.batch_get(list(ids), consistent=True)
        return {ids[item[schema.ANNOUNCEMENT_KEY]] for item in items}
