"""The last announcement of each scope: active, or cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import (
    ANNOUNCEMENT_ID,
    CLEARED,
    CREATED_AT,
    TEXTS,
    TOLD,
    announced_item,
    announced_of,
    expires_at,
    scope_key,
)
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

# Each lost race was won by another announcer's write; this many in a row are a fault.
_ATTEMPTS = 10


class ActiveAnnouncements:
    """One row a scope, which outlives being cleared, so that `created_at` never falls.

    All methods raise StoreUnavailableError.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, session_ids: Sequence[str | None], now_ms: int) -> list[AnnouncementRecord]:
        """The last ones of these scopes, strongly consistent, by one request; without those that
        are over by themselves.
        """
        items = self._table.batch_get([scope_key(each) for each in session_ids], consistent=True)
        # DynamoDB deletes what has expired within days.
        try:
            found = [
                announced_of(item) for item in items if item[schema.EXPIRES_AT] * 1000 > now_ms
            ]
        except (KeyError, TypeError) as error:
            # As good as a table that cannot be read: nobody is to suffer from it but announcements.
            raise StoreUnavailableError("announcement: damaged row") from error
        return sorted(found, key=lambda announced: announced.created_at)

    def activate(self, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Make a new announcement the scope's active one; returns it with a time that is later than
        that of the one before, also if the clocks of announcers disagree.

        None if the scope has it already.
        """
        for _ in range(_ATTEMPTS):
            if self._put(draft):
                return draft
            before = self._row(draft.session_id)
            if before is None:
                continue
            if before.announcement_id == draft.announcement_id:
                return None
            draft = replace(draft, created_at=max(draft.created_at, before.created_at + 1))
        raise StoreUnavailableError("activate: others were always first")

    def resume(self, draft: AnnouncementRecord) -> AnnouncementRecord | None:
        """Make one the active one that somebody has begun to announce, as they would have; None if
        they got so far, or a later one has come meanwhile.
        """
        return draft if self._put(draft) else None

    def clear(self, session_id: str | None) -> AnnouncementRecord | None:
        """Let the scope have none that is active; returns what it was, as cleared, or None. Of two
        who do it at once one gets it.
        """
        before = self._table.update_if(
            scope_key(session_id),
            "SET #cleared = :yes REMOVE #told, " + ", ".join(f"#{name}" for name in TEXTS),
            condition="attribute_not_exists(#cleared)",
            names={"#cleared": CLEARED, "#told": TOLD, **{f"#{name}": name for name in TEXTS}},
            values={":yes": True},
        )
        return None if before is None else replace(announced_of(before), cleared=True, told=False)

    def note_told(self, announced: AnnouncementRecord) -> None:
        """Everybody who was there has been told, unless there is other news by now."""
        exists = "attribute_exists" if announced.cleared else "attribute_not_exists"
        self._table.update_if(
            scope_key(announced.session_id),
            "SET #told = :yes",
            condition=f"#id = :id AND {exists}(#cleared)",
            names={"#told": TOLD, "#id": ANNOUNCEMENT_ID, "#cleared": CLEARED},
            values={":yes": True, ":id": announced.announcement_id},
        )

    def _put(self, draft: AnnouncementRecord) -> bool:
        item = {
            schema.ANNOUNCEMENT_KEY: scope_key(draft.session_id),
            schema.EXPIRES_AT: expires_at(draft),
            **announced_item(draft),
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

    def _row(self, session_id: str | None) -> AnnouncementRecord | None:
        found = self.read([session_id], 0)
        return found[0] if found else None
