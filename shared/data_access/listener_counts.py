"""Listener counters of a session, changed by conditional writes with a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.data_access.session_items import REMOVED_LANGUAGES, from_item, sent_status
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.audience_counts import AudienceChange, languages_heard
from shared.models.session import MAX_LANGUAGES, Session, SessionLifecycle

ACTIVE = "#status = :active"
# A language fits if there is room for its counter, or it has one already. Counters at zero stay
# until room is needed. The speaker's language and interpreted languages always fit.
_LANGUAGE_FITS = (
    "(size(#counts) < :most OR attribute_exists(#counts.#in)"
    " OR #source = :language OR attribute_exists(#channels.#in))"
)
# Counters removed by one write, which fails if one of them is in use by then. Smaller attempts
# follow, so that concurrent joins and leaves cannot block all of them.
_REMOVED_AT_ONCE = (64, 8, 1)

_COUNT_IN = "SET #count = #count + :one, #counts.#in = if_not_exists(#counts.#in, :zero) + :one"

OnCounted = Callable[[AudienceChange], None]


class ListenerCounts:
    """Counts listeners in, out, and from one language to another.

    `on_counted` is called after each change, with values from the write's own result: it needs no
    read.

    Writes with the same `write_id` count once, so a repeated request changes nothing. The row
    remembers only some of the latest IDs (`write_marks`); reconciliation corrects the rest.
    """

    def __init__(
        self,
        table: Table,
        on_counted: OnCounted | None = None,
        *,
        most_languages: int = MAX_LANGUAGES,
    ) -> None:
        self._table = table
        self._on_counted = on_counted
        self._most_languages = most_languages

    def count_in(
        self, session_id: str, language: str, *, write_id: str | None = None
    ) -> Session | None:
        """Count a listener in. Returns the session as it was just before.

        None if the session is not active, is full, or has 100 other languages in use.
        """
        before = self._count_with_room(
            session_id,
            language,
            1,
            _COUNT_IN,
            condition=f"{ACTIVE} AND #count < #limit AND {_LANGUAGE_FITS}",
            names={"#count": "listenerCount", "#limit": "maxListeners"},
            write_id=write_id,
        )
        return None if before is None else from_item(before)

    def count_departed(self, session_id: str, language: str, *, write_id: str) -> None:
        """Count in a listener who has been counted out already, without limits.

        `write_id` is that of the `count_in` that failed.
        """
        self._count(
            session_id,
            language,
            1,
            _COUNT_IN,
            condition="attribute_exists(#counts)",
            names={"#count": "listenerCount", "#counts": "languageCounts", "#in": language},
            values={":one": 1, ":zero": 0},
            write_id=write_id,
        )

    def count_out(self, session_id: str, language: str, *, write_id: str | None = None) -> bool:
        """Count a listener out, also of an ended session. False if it does not exist."""
        before = self._count(
            session_id,
            language,
            -1,
            "SET #count = #count - :one, #counts.#out = if_not_exists(#counts.#out, :zero) - :one",
            condition="attribute_exists(#counts)",
            names={"#count": "listenerCount", "#counts": "languageCounts", "#out": language},
            values={":one": 1, ":zero": 0},
            write_id=write_id,
        )
        return before is not None

    def count_moved(
        self, session_id: str, old: str, new: str, *, write_id: str | None = None
    ) -> bool:
        """Move a listener's count from one language to another.

        False if the session is not active, or has 100 other languages in use.
        """
        before = self._count_with_room(
            session_id,
            new,
            0,
            "SET #counts.#out = if_not_exists(#counts.#out, :zero) - :one,"
            " #counts.#in = if_not_exists(#counts.#in, :zero) + :one",
            condition=f"{ACTIVE} AND {_LANGUAGE_FITS}",
            names={"#out": old},
            write_id=write_id,
        )
        return before is not None

    def count_back(
        self, session_id: str, new: str, old: str, *, write_id: str | None = None
    ) -> bool:
        """Undo `count_moved` from `old` to `new`. False if the session does not exist."""
        before = self._count(
            session_id,
            old,
            0,
            "SET #counts.#out = if_not_exists(#counts.#out, :zero) - :one,"
            " #counts.#in = if_not_exists(#counts.#in, :zero) + :one",
            condition="attribute_exists(#counts)",
            names={"#counts": "languageCounts", "#out": new, "#in": old},
            values={":one": 1, ":zero": 0},
            write_id=write_id,
        )
        return before is not None

    def _count_with_room(
        self,
        session_id: str,
        language: str,
        difference: int,
        expression: str,
        *,
        condition: str,
        names: dict[str, str],
        write_id: str | None,
    ) -> Item | None:
        """Count in a language that may need room for a new counter."""
        for most in (*_REMOVED_AT_ONCE, 0):
            before = self._count(
                session_id,
                language,
                difference,
                expression,
                condition=condition,
                names={
                    "#status": "status",
                    "#counts": "languageCounts",
                    "#source": "sourceLanguage",
                    "#channels": "channels",
                    "#in": language,
                    **names,
                },
                values={
                    ":active": SessionLifecycle.ACTIVE.value,
                    ":one": 1,
                    ":zero": 0,
                    ":language": language,
                    ":most": self._most_languages,
                },
                write_id=write_id,
            )
            if before is not None:
                return before
            if not most or not self._make_room(session_id, most, listeners=difference):
                return None
        return None

    def _make_room(self, session_id: str, most: int, *, listeners: int) -> bool:
        """Remove up to `most` counters at zero.

        False if the refused count of `listeners` more would be refused again.
        """
        item = self._table.get(session_id)
        if item is None or item["status"] != SessionLifecycle.ACTIVE:
            return False
        if listeners and item["listenerCount"] >= item["maxListeners"]:
            return False
        if len(item["languageCounts"]) < self._most_languages:
            return True  # another request made room
        unused = sorted(name for name, count in item["languageCounts"].items() if count == 0)
        if not unused:
            return False
        aliases = {f"#l{number}": name for number, name in enumerate(unused[:most])}
        paths = [f"#counts.{alias}" for alias in aliases]
        heard = languages_heard(aliases.values(), item.get("sourceLanguage", ""))
        # Fails if one of the languages has a listener again, or another request made room.
        self._table.update_if(
            session_id,
            f"SET #forgotten = if_not_exists(#forgotten, :zero) + :heard REMOVE {', '.join(paths)}",
            condition=" AND ".join(f"{path} = :zero" for path in paths),
            names={"#counts": "languageCounts", "#forgotten": REMOVED_LANGUAGES, **aliases},
            values={":zero": 0, ":heard": heard},
        )
        return True

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
        write_id: str | None,
    ) -> Item | None:
        """Apply a count. Returns the row as it was before; None if the condition fails."""
        before = self._table.update_if(
            session_id,
            expression,
            condition=condition,
            names=names,
            values=values,
            write_id=write_id,
            revert=lambda after: {**after, "listenerCount": after["listenerCount"] - difference},
        )
        if before is not None and self._on_counted is not None:
            self._on_counted(_change(before, language, difference))
        return before

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


def _change(before: Item, language: str, difference: int) -> AudienceChange:
    return AudienceChange(
        session_id=before[schema.SESSION_ID],
        is_active=before.get("status") == SessionLifecycle.ACTIVE,
        listener_count=before["listenerCount"] + difference,
        languages=languages_heard(
            {*before["languageCounts"], language}, before.get("sourceLanguage", "")
        )
        + before.get(REMOVED_LANGUAGES, 0),
        sent=sent_status(before),
        pending_since=before.get(schema.STATUS_PENDING),
    )
