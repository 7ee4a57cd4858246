"""One budget of requests: a rate that lasts, and a burst that it may come in."""

from __future__ import annotations

from dataclasses import dataclass

# Clocks of different hosts disagree by less; a time further back is a clock that was set (ms).
_BACKWARDS_MS = 2_000


@dataclass(frozen=True, slots=True)
class Budget:
    """So many a second on average, and so many at once."""

    per_second: float
    burst: int


@dataclass(slots=True)
class TokenBucket:
    """The tokens of one budget. No clock: the caller says when something happened (ms).

    A time that is a little earlier than the last one fills nothing. One that is far earlier is
    where filling goes on from, so that a clock that was set back starves nobody.
    """

    tokens: float
    at_ms: int

    @classmethod
    def full(cls, budget: Budget, at_ms: int) -> TokenBucket:
        """A bucket that nothing was taken from yet."""
        return cls(budget.burst, at_ms)

    def take(self, budget: Budget, at_ms: int) -> bool:
        """Take a token; False if there is none."""
        self._fill(budget, at_ms)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def has_any(self, budget: Budget, at_ms: int) -> bool:
        """Whether a token could be taken."""
        self._fill(budget, at_ms)
        return self.tokens >= 1

    def _fill(self, budget: Budget, at_ms: int) -> None:
        elapsed = at_ms - self.at_ms
        if elapsed > 0:
            self.tokens = min(self.tokens + elapsed * budget.per_second / 1000, budget.burst)
        if elapsed > 0 or elapsed < -_BACKWARDS_MS:
            self.at_ms = at_ms
