"""Token bucket with a sustained rate and a burst."""

from __future__ import annotations

import msgspec

# Host clocks differ by less. A time further back means that the clock was set back (ms).
_BACKWARDS_MS = 2_000


class Budget(msgspec.Struct, frozen=True):
    """A sustained rate per second, and a burst."""

    per_second: float
    burst: int


class TokenBucket(msgspec.Struct):
    """Tokens of one budget. It has no clock: callers pass the time (ms).

    A time slightly before the last one adds no tokens. Refilling continues from a time that is far
    earlier, so that a clock that was set back does not stop it.
    """

    tokens: float
    at_ms: int

    @classmethod
    def full(cls, budget: Budget, at_ms: int) -> TokenBucket:
        """Create a full bucket."""
        return cls(budget.burst, at_ms)

    def take(self, budget: Budget, at_ms: int) -> bool:
        """Take a token. False if there is none."""
        self._fill(budget, at_ms)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def has_any(self, budget: Budget, at_ms: int) -> bool:
        """Whether a token is available."""
        self._fill(budget, at_ms)
        return self.tokens >= 1

    def _fill(self, budget: Budget, at_ms: int) -> None:
        elapsed = at_ms - self.at_ms
        if elapsed > 0:
            self.tokens = min(self.tokens + elapsed * budget.per_second / 1000, budget.burst)
        if elapsed > 0 or elapsed < -_BACKWARDS_MS:
            self.at_ms = at_ms
