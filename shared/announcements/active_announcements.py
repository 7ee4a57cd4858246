"""The latest announcement of each scope, active or cleared."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import (
    ANNOUNCEMENT_ID,
    CLEARED,
    CREATED_AT,
    SENT,
    TEXTS,
    expires_at,
    from_item,
    scope_key,
    to_item,
)
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

# An attempt fails only if another announcement was written first; this many in a row are a fault.
_ATTEMPTS = 10


class ActiveAnnouncements:
    """One row per scope. Clearing keeps the row, so that `created_at` never decreases.

    All methods raise StoreUnavailableError.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, session_ids: Sequence[str | None], now_ms: int) -> list[AnnouncementRecord]:
        """Return the latest announcements of these scopes, oldest first, without expired ones.

        One strongly consistent request.
        """
        items = self._table.batch_get([scope_key(each) for each in session_ids], consistent=True)
        # DynamoDB may take days to delete an expired row.
        try:
            found = [from_item(item) for item in items if item[schema.EXPIRES_AT] * 1000 > now_ms]
        except (KeyError, TypeError) as error:
            # Treated like an unreadable table, so that only announcements fail.
            raise StoreUnavailableError("announcement: damaged row") from error
        return sorted(found, key=lambda announcement: announcement.created_at)

    def activate(self, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Make a new announcement the active one of its scope.

        Returns it with a `created_at` later than its predecessor's, even if the announcers' clocks
        disagree. Returns None if it is active already.
        """
        for _ in range(_ATTEMPTS):
            if self._put(draft):
                return draft
            before = self._latest(draft.session_id)
            if before is None:
                continue
            if before.announcement_id == draft.announcement_id:
                return None
            draft = replace(draft, created_at=max(draft.created_at, before.created_at + 1))
        raise StoreUnavailableError("activate: lost every race against other announcements")

    def resume(self, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Activate an announcement whose first attempt may have failed.

        Returns None if the first attempt got this far, or a later announcement has replaced it.
        """
        return draft if self._put(draft) else None

    def clear(self, session_id: str | None) -> AnnouncementRecord | None:
        """Clear the scope's announcement and return it; None if none is active.

        Of concurrent calls, one gets the announcement.
        """
        before = self._table.update_if(
            scope_key(session_id),
            "SET #cleared = :yes REMOVE #sent, " + ", ".join(f"#{name}" for name in TEXTS),
            condition="attribute_not_exists(#cleared)",
            names={"#cleared": CLEARED, "#sent": SENT, **{f"#{name}": name for name in TEXTS}},
            values={":yes": True},
        )
        return None if before is None else replace(from_item(before), cleared=True, sent=False)

    def mark_sent(self, announcement: AnnouncementRecord) -> None:
        """Record that the fan-out has completed, unless the scope's state has changed since."""
        exists = "attribute_exists" if announcement.cleared else "attribute_not_exists"
        self._table.update_if(
            scope_key(announcement.session_id),
            "SET #sent = :yes",
            condition=f"#id = :id AND {exists}(#cleared)",
            names={"#sent": SENT, "#id": ANNOUNCEMENT_ID, "#cleared": CLEARED},
            values={":yes": True, ":id": announcement.announcement_id},
        )

    def _put(self, draft: AnnouncementRecord) -> bool:
        item = {
            schema.ANNOUNCEMENT_KEY: scope_key(draft.session_id),
            schema.EXPIRES_AT: expires_at(draft),
            **to_item(draft),
        }
        try:
            self._table.put_if(
                item,
                condition="attribute_not_exists(#created) OR #created < :created",
                names={"#created": CREATED_AT},
                values={":created": draft.created_at},
            )
        except ConditionFailedError:
            return False
        return True

    def _latest(self, session_id: str | None) -> AnnouncementRecord | None:
        found = self.read([session_id], 0)
        return found[0] if found else None
