"""A leaky bucket on times that others measure: bounded both ways, whatever those clocks do."""

from __future__ import annotations

# A time further back than this (ms) is a clock that was set back, if the next one agrees with it.
STEP_MS = 1_000


class LeakyBucket:
    """Fills by what is taken and drains by 1 a millisecond. All values are integers.

    The level is never below 0, so silence earns no credit, and only what fits is added, so refusals
    cost nothing. A time before the latest one drains nothing, as messages may overtake each other.
    Two such times in a row that are more than `STEP_MS` back and in order are a clock that was set
    back: the bucket follows it and keeps its level.
    """

    __slots__ = ("_back", "_last", "_level")

    def __init__(self) -> None:
        self._level = 0
        self._last: int | None = None
        self._back: int | None = None

    def advance(self, at_ms: int) -> int:
        """Drain until `at_ms`; returns the level."""
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
        """Fill, as of the time that it has drained until."""
        self._level += amount

    def take(self, at_ms: int, amount: int, *, limit: int) -> bool:
        """Add `amount` if the level at `at_ms` is at most `limit`; whether it was added."""
        if self.advance(at_ms) > limit:
            return False
        self.add(amount)
        return True

    def _drain_from(self, start_ms: int, at_ms: int) -> None:
        self._level = max(self._level - (at_ms - start_ms), 0)
        self._last, self._back = at_ms, None
