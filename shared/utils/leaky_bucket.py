"""Leaky bucket on timestamps from other clocks, robust against clock changes."""

from __future__ import annotations

# A time further back than this (ms) means that the clock was set back, if the next one confirms it.
STEP_MS = 1_000


class LeakyBucket:
    """Fills by the amounts taken and drains by 1 per millisecond, in integers.

    The level is never below 0, so silence earns no credit; refused amounts are not added. A time
    before the latest one drains nothing, because messages may overtake each other. Two such times
    in a row, both more than `STEP_MS` back and in order, mean that the clock was set back: the
    bucket follows it and keeps its level. A smaller step lasts until the times have caught up.
    """

    __slots__ = ("_back", "_last", "_level")

    def __init__(self) -> None:
        self._level = 0
        self._last: int | None = None
        self._back: int | None = None

    def advance(self, at_ms: int) -> int:
        """Drain until `at_ms` and return the level."""
        if self._last is None:
            self._last = at_ms
        elif at_ms >= self._last:
            self._drain_from(self._last, at_ms)
        elif self._last - at_ms > STEP_MS:
            if self._back is not None and at_ms >= self._back:
                self._drain_from(self._back, at_ms)
            else:
                self._back = at_ms
        return self._level

    def add(self, amount: int) -> None:
        """Fill at the time of the last drain."""
        self._level += amount

    def take(self, at_ms: int, amount: int, *, limit: int) -> bool:
        """Add `amount` if the level at `at_ms` is at most `limit`. False if it is higher."""
        if self.advance(at_ms) > limit:
            return False
        self.add(amount)
        return True

    def _drain_from(self, start_ms: int, at_ms: int) -> None:
        self._level = max(self._level - (at_ms - start_ms), 0)
        self._last, self._back = at_ms, None
