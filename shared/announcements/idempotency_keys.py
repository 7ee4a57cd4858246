"""Idempotency keys of announcements."""

from __future__ import annotations

import hashlib

import msgspec

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import from_item, to_item
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

_LIFETIME_SECONDS = 24 * 60 * 60


class IdempotencyKeys:
    """One row per author, scope and key, kept for a day."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, author: str, key: str, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Claim the key for a new announcement.

        Returns None, or the announcement that the key was claimed for before. Raises
        StoreUnavailableError.
        """
        row = _row_key(author, draft.session_id, key)
        now_seconds = draft.created_at // 1000
        item = {
            schema.ANNOUNCEMENT_KEY: row,
            schema.EXPIRES_AT: now_seconds + _LIFETIME_SECONDS,
            **to_item(draft),
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
            # If the row expired between the write and the read, the key is free.
            return from_item(found[0]) if found else draft
        return None


def _row_key(author: str, session_id: str | None, key: str) -> str:
    # Hashed because the parts may contain any characters, also separators.
    return f"once#{hashlib.sha256(msgspec.json.encode([author, session_id, key])).hexdigest()}"
