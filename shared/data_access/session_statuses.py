"""Statuses due and sent to each session's speaker, stored in the session's row."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shared.data_access.active_sessions import ActiveSessions
from shared.data_access.listener_counts import ACTIVE
from shared.data_access.session_items import from_item, sent_status
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.audience_counts import SentStatus, languages_heard
from shared.models.session import Session, SessionLifecycle


class SessionAudience(msgspec.Struct, frozen=True):
    """A session and its last sent status."""

    session: Session
    sent: SentStatus

    @property
    def current(self) -> SentStatus:
        """The status to send now."""
        session = self.session
        return SentStatus(
            max(session.listener_count, 0),
            languages_heard(session.language_counts, session.source_language)
            + session.removed_languages,
        )


class SessionStatuses:
    """Arms statuses and records sent ones."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def arm(self, session_id: str, now_ms: int, lost_before_ms: int) -> bool:
        """Arm a status. False if one is armed already, or the session is not active.

        A status armed before `lost_before_ms` does not count: its timer is lost.
        """
        before = self._table.update_if(
            session_id,
            "SET #pending = :now",
            condition=f"{ACTIVE} AND (attribute_not_exists(#pending) OR #pending < :lost)",
            names={"#status": "status", "#pending": schema.STATUS_PENDING},
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":now": now_ms,
                ":lost": lost_before_ms,
            },
        )
        return before is not None

    def take_due(self, session_id: str, armed_at: int) -> SessionAudience | None:
        """Disarm the status armed at `armed_at` and return the session as of then.

        Changes after that arm the next status. None if the session is not active, or this status
        is not armed.
        """
        item = self._table.update_if(
            session_id,
            "REMOVE #pending",
            condition=f"{ACTIVE} AND #pending = :armed",
            names={"#status": "status", "#pending": schema.STATUS_PENDING},
            values={":active": SessionLifecycle.ACTIVE.value, ":armed": armed_at},
        )
        return None if item is None else SessionAudience(from_item(item), sent_status(item))

    def record_sent(self, session_id: str, status: SentStatus, now_ms: int) -> None:
        """Record a sent status, unless a later one is recorded."""
        self._note(session_id, status, now_ms, "")

    def record_sent_and_arm(self, session_id: str, status: SentStatus, now_ms: int) -> bool:
        """Record as `record_sent` does and arm the next status, in one write.

        False if a status is armed already, or the session is not active.
        """
        before = self._note(
            session_id, status, now_ms, ", #pending = if_not_exists(#pending, :now)"
        )
        return before is not None and schema.STATUS_PENDING not in before

    def audiences(self) -> Iterator[list[SessionAudience | None]]:
        """All active sessions in batches of 100, as `ActiveSessions` reads them.

        A damaged row yields None.
        """
        for rows in ActiveSessions(self._table).rows():
            yield [_parse(row) for row in rows]

    def _note(self, session_id: str, status: SentStatus, now_ms: int, more: str) -> Item | None:
        names = {
            "#status": "status",
            "#count": schema.STATUS_COUNT,
            "#languages": schema.STATUS_LANGUAGES,
            "#time": schema.STATUS_TIME,
        }
        if more:
            names["#pending"] = schema.STATUS_PENDING
        return self._table.update_if(
            session_id,
            f"SET #count = :count, #languages = :languages, #time = :now{more}",
            condition=f"{ACTIVE} AND (attribute_not_exists(#time) OR #time <= :now)",
            names=names,
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":count": status.listener_count,
                ":languages": status.languages,
                ":now": now_ms,
            },
            revert=lambda after: {
                name: value
                for name, value in after.items()
                if name != schema.STATUS_PENDING or value != now_ms
            },
        )


def _parse(item: Item) -> SessionAudience | None:
    try:
        return SessionAudience(from_item(item), sent_status(item))
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError):
        return None
