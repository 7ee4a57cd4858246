"""What authors announced with keys of their own, so that a repetition is known as one."""

from __future__ import annotations

import hashlib

import msgspec

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import announced_item, announced_of
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

_KEEP_SECONDS = 24 * 60 * 60


class IdempotencyKeys:
    """One row for each author, scope and key, kept for a day. Raises StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, author: str, key: str, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Take the key for a new announcement; returns what it was taken for before, or None."""
        row = _row_key(author, draft.session_id, key)
        now_seconds = draft.created_at // 1000
        item = {
            schema.ANNOUNCEMENT_KEY: row,
            schema.EXPIRES_AT: now_seconds + _KEEP_SECONDS,
            **announced_item(draft),
        }
        try:
            self._table.put_if(
                item,
                condition="attribute_not_exists(#expires) OR #expires <= :now",
                names={"#expires": schema.EXPIRES_AT},
                values={":now": now_seconds},
            )
        except ConditionFailedError:
            found = self._table.batch_get([row], consistent=True)
            # It may have gone between the two; then it was a day old.
            return announced_of(found[0]) if found else draft
        return None


def _row_key(author: str, session_id: str | None, key: str) -> str:
    # They may hold any characters; the name of a row says nothing of them.
    return f"once#{hashlib.sha256(msgspec.json.encode([author, session_id, key])).hexdigest()}"
