"""Which sessions machines interpret now: so many slots, each a row that one session holds.

A slot is held for as long as its session is active, so nobody has to give it back: whatever ends
the session, or loses its end, the slot is free with it. Rows are overwritten, never counted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models import schema
from shared.models.session import SessionStatus

_HOLDER = "holder"
_TAKEN_AT = "takenAt"
# No session's id has this form.
_PREFIX = "machine#"
# A slot is taken before its session is written. One without a session after so long never gets it:
# the function that creates sessions has 10 s.
_UNWRITTEN_MS = 60_000
# A slot is held as it was read.
_AS_SEEN = "#holder = :holder AND #taken = :taken"
_NAMES = {"#holder": _HOLDER, "#taken": _TAKEN_AT}


class SlotStore:
    """The slots of a stage, in the sessions table. Methods raise StoreUnavailableError."""

    def __init__(self, sessions: Table, count: int) -> None:
        self._sessions = sessions
        self._keys = [f"{_PREFIX}{number:03}" for number in range(count)]

    def take(self, session_id: str, now_ms: int) -> bool:
        """Hold a slot for a session that is about to be written; False if others hold them all.

        Two that want the same slot are told apart by its condition: one gets it, the other goes on
        to the next. Before a session is refused, those that hold slots are looked at.
        """
        return any(
            self._write(key, before, session_id, now_ms) for key, before in self._free(now_ms)
        )

    def give_back(self, session_id: str) -> None:
        """Free the slot of a session that was not written after all, if it holds one."""
        for row in self._sessions.batch_get(self._keys, consistent=True):
            if row[_HOLDER] == session_id:
                self._delete(row)

    def _free(self, now_ms: int) -> Iterator[tuple[str, Item | None]]:
        """The slots that nobody has taken, then those whose session is over, with what they say."""
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
                    item, condition=_AS_SEEN, names=_NAMES, values=_values(before)
                )
        except ConditionFailedError:
            return False
        return True

    def _delete(self, row: Item) -> None:
        # Another session may have it by now.
        with contextlib.suppress(ConditionFailedError):
            self._sessions.delete_if(
                row[schema.SESSION_ID], condition=_AS_SEEN, names=_NAMES, values=_values(row)
            )


def _is_held(slot: Item, session: Item | None, now_ms: int) -> bool:
    """Whether the session that has taken a slot is active, or has yet to be written."""
    if session is None:
        return bool(slot[_TAKEN_AT] > now_ms - _UNWRITTEN_MS)
    expired = session[schema.EXPIRES_AT] * 1000 <= now_ms
    return session["status"] == SessionStatus.ACTIVE.value and not expired


def _values(row: Item) -> dict[str, object]:
    return {":holder": row[_HOLDER], ":taken": row[_TAKEN_AT]}
