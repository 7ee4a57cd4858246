"""Mapping of a sender's timestamps to the receiver's clock: one anchor per epoch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

# Window for the fastest chunk: long enough to survive a slow period, short enough to follow the
# drift between two quartz clocks.
WINDOW_MS = 10_000
# A chunk from further in the future than this comes from a wrong clock, not an imprecise one.
FUTURE_TOLERANCE_MS = 1_000
# A clock step is confirmed once chunks have agreed on it for this long ...
STEP_CONFIRMED_MS = 500
# ... within this jitter. The burst after a stall does not agree: each of its chunks is faster than
# the one before, by its duration.
STEP_JITTER_MS = 250
# More than the chunks of one window at the shortest chunk duration, 100 ms.
_MAX_OBSERVATIONS = 256

_Observation = tuple[float, float]  # received at, transit time


class ClockAnchor:
    """Estimates the offset between a sender's timestamps and the receiver's time.

    The clocks count as synchronous (offset 0) unless the fastest chunk of the last 10 s disproves
    it. If even that chunk took longer than the playout delay, everything would be late forever; if
    it came from more than a second in the future, everything would wait. In both cases, the
    fastest chunk is assumed to have travelled in no time, and the others are played relative to it.

    A chunk that this does not explain (too late to play, or faster by more than a second) is left
    out. If such chunks agree with each other for half a second, a clock was set or the network has
    changed for good, and they define the new offset.
    """

    def __init__(self, playout_delay_ms: float) -> None:
        self._playout_delay_ms = playout_delay_ms
        # Sliding minimum: rising transit times, of which the first is the smallest.
        self._fastest: deque[_Observation] = deque(maxlen=_MAX_OBSERVATIONS)
        self._unexplained: deque[_Observation] = deque(maxlen=_MAX_OBSERVATIONS)
        # The latest of these that agree with each other.
        self._run: deque[_Observation] = deque(maxlen=_MAX_OBSERVATIONS)

    def observe(self, received_at_ms: float, transit_ms: float) -> None:
        """Add a chunk's transit time: receipt - timestamp - duration, in ms."""
        self._expire(received_at_ms)
        if self._explains(transit_ms):
            self._run.clear()
            self._add(received_at_ms, transit_ms)
            return
        self._unexplained.append((received_at_ms, transit_ms))
        self._run.append((received_at_ms, transit_ms))
        while _spread_ms(self._run) > STEP_JITTER_MS:
            self._run.popleft()
        if received_at_ms - self._run[0][0] >= STEP_CONFIRMED_MS:
            self._restart(self._run)

    @property
    def offset_ms(self) -> float:
        """Milliseconds to add to the sender's timestamps; 0 while the clocks may agree."""
        if not self._fastest:
            return 0.0
        fastest = self._fastest[0][1]
        agree = -FUTURE_TOLERANCE_MS <= fastest <= self._playout_delay_ms
        return 0.0 if agree else fastest

    def _explains(self, transit_ms: float) -> bool:
        if not self._fastest:
            return True
        latest = self.offset_ms + self._playout_delay_ms
        return self._fastest[0][1] - FUTURE_TOLERANCE_MS <= transit_ms <= latest

    def _add(self, received_at_ms: float, transit_ms: float) -> None:
        while self._fastest and self._fastest[-1][1] >= transit_ms:
            self._fastest.pop()
        self._fastest.append((received_at_ms, transit_ms))

    def _expire(self, received_at_ms: float) -> None:
        oldest = received_at_ms - WINDOW_MS
        for observations in (self._fastest, self._unexplained):
            while observations and observations[0][0] < oldest:
                observations.popleft()
        if not self._fastest and self._unexplained:
            self._restart(self._unexplained)

    def _restart(self, observations: Iterable[_Observation]) -> None:
        kept = list(observations)
        self._fastest.clear()
        self._unexplained.clear()
        self._run.clear()
        for received_at_ms, transit_ms in kept:
            self._add(received_at_ms, transit_ms)


def _spread_ms(run: Iterable[_Observation]) -> float:
    transits = [transit for _, transit in run]
    return max(transits) - min(transits)
