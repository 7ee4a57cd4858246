"""Slots for sessions with machine interpretation: each is a row that one session holds.

A slot is free as soon as its session is no longer active, however the session ended, so slots
need no release that could be lost. Rows are overwritten, never counted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models import schema
from shared.models.session import SessionLifecycle

_HOLDER = "holder"
_TAKEN_AT = "takenAt"
# No session id has this form.
_PREFIX = "machine#"
# A slot is taken before its session is written. The function that creates sessions runs for at
# most 10 s, so a slot without a session after this time (ms) belongs to a failed attempt.
_UNWRITTEN_MS = 60_000
# The slot is as it was read.
_UNCHANGED = "#holder = :holder AND #taken = :taken"
_NAMES = {"#holder": _HOLDER, "#taken": _TAKEN_AT}


class SlotStore:
    """The slots of a stage, in the sessions table. Every method raises StoreUnavailableError."""

    def __init__(self, sessions: Table, count: int) -> None:
        self._sessions = sessions
        self._keys = [f"{_PREFIX}{number:03}" for number in range(count)]

    def take(self, session_id: str, now_ms: int) -> bool:
        """Take a slot for a session that is about to be written; False if all are held.

        Conditional writes decide races for a slot; the loser tries the next one. Slots whose
        session has ended are taken over.
        """
        return any(
            self._write(key, before, session_id, now_ms) for key, before in self._free(now_ms)
        )

    def undo_replace(self, session_id: str) -> None:
        """Free the slot of a session that could not be created, if it holds one."""
        for row in self._sessions.batch_get(self._keys, consistent=True):
            if row[_HOLDER] == session_id:
                self._delete(row)

    def _free(self, now_ms: int) -> Iterator[tuple[str, Item | None]]:
        """Slots without a row, then slots whose session has ended, each with its row."""
        rows = self._sessions.batch_get(self._keys, consistent=True)
        taken = {row[schema.SESSION_ID]: row for row in rows}
        yield from ((key, None) for key in self._keys if key not in taken)
        if not rows:
            return
        written = self._sessions_of(rows)
        for key, row in taken.items():
            if not _is_held(row, written.get(row[_HOLDER]), now_ms):
                yield key, row

    def _sessions_of(self, rows: Sequence[Item]) -> dict[str, Item]:
        holders = list({row[_HOLDER] for row in rows})
        found = self._sessions.batch_get(holders, consistent=True)
        return {item[schema.SESSION_ID]: item for item in found}

    def _write(self, key: str, before: Item | None, session_id: str, now_ms: int) -> bool:
        item = {schema.SESSION_ID: key, _HOLDER: session_id, _TAKEN_AT: now_ms}
        try:
            if before is None:
                self._sessions.put_new(item)
            else:
                self._sessions.put_if(
                    item, condition=_UNCHANGED, names=_NAMES, values=_values(before)
                )
        except ConditionFailedError:
            return False
        return True

    def _delete(self, row: Item) -> None:
        # Another session may have taken it.
        with contextlib.suppress(ConditionFailedError):
            self._sessions.delete_if(
                row[schema.SESSION_ID], condition=_UNCHANGED, names=_NAMES, values=_values(row)
            )


def _is_held(slot: Item, session: Item | None, now_ms: int) -> bool:
    """Whether the slot's session is active, or may still be written."""
    if session is None:
        return bool(slot[_TAKEN_AT] > now_ms - _UNWRITTEN_MS)
    expired = session[schema.EXPIRES_AT] * 1000 <= now_ms
    return session["status"] == SessionLifecycle.ACTIVE.value and not expired


def _values(row: Item) -> dict[str, object]:
    return {":holder": row[_HOLDER], ":taken": row[_TAKEN_AT]}
