"""The counters of a session's listeners: every change is one conditional write, and is told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.data_access.session_items import told_of
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.audience_counts import CountsChange, languages_heard
from shared.models.session import MAX_LANGUAGES, SessionStatus

ACTIVE = "#status = :active"
_LANGUAGE_FITS = "(size(#seen) < :most OR contains(#seen, :language))"

OnCounted = Callable[[CountsChange], None]


class ListenerCounts:
    """Counts listeners in, out, and from one language to another.

    `on_counted` hears of each change that was made. What it is told comes with the write's own
    answer, so it costs no read.
    """

    def __init__(self, table: Table, on_counted: OnCounted | None = None) -> None:
        self._table = table
        self._on_counted = on_counted

    def count_in(self, session_id: str, language: str) -> bool:
        """Count a listener in; False if the session is not active, is full, or would have more
        than 100 different languages.
        """
        return self._count(
            session_id,
            language,
            1,
            "SET #count = #count + :one, #counts.#in = if_not_exists(#counts.#in, :zero) + :one"
            " ADD #seen :seen",
            condition=f"{ACTIVE} AND #count < #limit AND {_LANGUAGE_FITS}",
            names={
                "#status": "status",
                "#count": "listenerCount",
                "#counts": "languageCounts",
                "#limit": "maxListeners",
                "#seen": "languagesSeen",
                "#in": language,
            },
            values={
                ":active": SessionStatus.ACTIVE.value,
                ":one": 1,
                ":zero": 0,
                **_seen(language),
            },
        )

    def count_out(self, session_id: str, language: str) -> bool:
        """Count a listener out; also of an ended session. False if there is no such session."""
        return self._count(
            session_id,
            language,
            -1,
            "SET #count = #count - :one, #counts.#out = if_not_exists(#counts.#out, :zero) - :one",
            condition="attribute_exists(#counts)",
            names={"#count": "listenerCount", "#counts": "languageCounts", "#out": language},
            values={":one": 1, ":zero": 0},
        )

    def count_moved(self, session_id: str, old: str, new: str) -> bool:
        """Count a listener from one language to another, `admit_language` having allowed it."""
        return self._count(
            session_id,
            new,
            0,
            "SET #counts.#out = if_not_exists(#counts.#out, :zero) - :one,"
            " #counts.#in = if_not_exists(#counts.#in, :zero) + :one",
            condition="attribute_exists(#counts)",
            names={"#counts": "languageCounts", "#out": old, "#in": new},
            values={":one": 1, ":zero": 0},
        )

    def admit_language(self, session_id: str, language: str) -> bool:
        """Let a language be heard in a session; False if that makes more than 100 different ones,
        or the session is not active. Safe to repeat.
        """
        return self._update(
            session_id,
            "ADD #seen :seen",
            condition=f"{ACTIVE} AND {_LANGUAGE_FITS}",
            names={"#status": "status", "#seen": "languagesSeen"},
            values={":active": SessionStatus.ACTIVE.value, **_seen(language)},
        )

    def _count(
        self,
        session_id: str,
        language: str,
        difference: int,
        expression: str,
        *,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        before = self._table.update_if(
            session_id, expression, condition=condition, names=names, values=values
        )
        if before is None:
            return False
        if self._on_counted is not None:
            self._on_counted(_change(before, language, difference))
        return True

    def _update(
        self,
        session_id: str,
        expression: str,
        *,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        before = self._table.update_if(
            session_id, expression, condition=condition, names=names, values=values
        )
        return before is not None


def _seen(language: str) -> dict[str, Any]:
    return {":seen": {language}, ":language": language, ":most": MAX_LANGUAGES}


def _change(before: Item, language: str, difference: int) -> CountsChange:
    return CountsChange(
        session_id=before[schema.SESSION_ID],
        is_active=before.get("status") == SessionStatus.ACTIVE,
        listener_count=before["listenerCount"] + difference,
        languages=languages_heard(
            {*before["languageCounts"], language}, before.get("sourceLanguage", "")
        ),
        told=told_of(before),
        pending_since=before.get(schema.STATUS_PENDING),
    )
