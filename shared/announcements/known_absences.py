"""Scopes in which nothing is announced, as an instance has just read.

Nearly all joins find no announcement, and each read of them costs a request. An instance therefore
trusts that there is none for `ABSENCE_MS`. A member who joins in this time misses an announcement
made meanwhile. The redelivery pass sends it to them: it covers everyone who took a seat up to
`ABSENCE_MS` after an announcement, and comes later than that by more than indexes lag.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

from shared.announcements.announcement import AnnouncementRecord

# How long an instance trusts that nothing is announced in a scope (ms).
ABSENCE_MS = 1_000
# Above this, the oldest entry is evicted, and the next join to that session costs a read.
_MAX_SCOPES = 1_000


class KnownAbsences:
    """Remembers when each scope was read without an active announcement."""

    def __init__(self) -> None:
        self._read_at: OrderedDict[str | None, int] = OrderedDict()

    def unknown(self, scopes: Iterable[str | None], now_ms: int) -> list[str | None]:
        """The scopes that must be read. A clock that was set back trusts nothing."""
        return [scope for scope in scopes if not self._is_trusted(scope, now_ms)]

    def record(
        self, scopes: Sequence[str | None], found: Collection[AnnouncementRecord], read_at: int
    ) -> None:
        """Note what a read that began at `read_at` (ms) has found in these scopes."""
        active = {each.session_id for each in found if not each.cleared}
        for scope in scopes:
            self._read_at.pop(scope, None)
            if scope not in active:
                self._read_at[scope] = read_at
        while len(self._read_at) > _MAX_SCOPES:
            self._read_at.popitem(last=False)

    def _is_trusted(self, scope: str | None, now_ms: int) -> bool:
        read_at = self._read_at.get(scope)
        return read_at is not None and 0 <= now_ms - read_at < ABSENCE_MS
