"""How a sender's timestamps relate to the receiver's clock: one anchor per epoch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

# How far back the fastest chunk is looked for. Long enough to survive a slow spell, short enough
# to follow two quartz clocks that drift apart.
WINDOW_MS = 10_000
# A chunk from further in the future than this comes from a clock that is wrong, not just imprecise.
FUTURE_TOLERANCE_MS = 1_000
# A step of a clock is plain once chunks have agreed on it for so long ...
STEP_CONFIRMED_MS = 500
# ... within this jitter. A burst that a stall has piled up does not agree: each chunk of it is
# faster than the one before by its own duration.
STEP_JITTER_MS = 250
# More chunks than the window can hold at the shortest chunk duration, 100 ms.
_MOST_KEPT = 256

_Observation = tuple[float, float]  # received at, transit time


class ClockAnchor:
    """Tells how much to add to a sender's timestamps to get the receiver's time.

    The rule: the clocks are taken as agreeing (offset 0) unless the fastest chunk of the last
    10 s shows that they cannot. If even that one took longer than the playout delay, everything
    would be late for ever; if it came from the future by more than a second, everything would
    wait. In both cases the fastest chunk is taken to have travelled in no time, and the others
    are played relative to it.

    A chunk that this cannot explain (too late to be played, or faster by more than a second) is
    left out. When such chunks in a row agree with each other for half a second, a clock was set, or
    the network has changed for good: the anchor is taken from them.
    """

    def __init__(self, playout_delay_ms: float) -> None:
        self._playout_delay_ms = playout_delay_ms
        # Transit times that no later one has undercut, so rising: the first is the smallest.
        self._fastest: deque[_Observation] = deque(maxlen=_MOST_KEPT)
        self._unexplained: deque[_Observation] = deque(maxlen=_MOST_KEPT)
        # The last ones of those, as far as they agree with each other.
        self._run: deque[_Observation] = deque(maxlen=_MOST_KEPT)

    def observe(self, received_at_ms: float, transit_ms: float) -> None:
        """Take in a chunk's transit time: receipt - timestamp - duration, in ms."""
        self._forget(received_at_ms)
        if self._explains(transit_ms):
            self._run.clear()
            self._add(received_at_ms, transit_ms)
            return
        self._unexplained.append((received_at_ms, transit_ms))
        self._run.append((received_at_ms, transit_ms))
        while _spread_ms(self._run) > STEP_JITTER_MS:
            self._run.popleft()
        if received_at_ms - self._run[0][0] >= STEP_CONFIRMED_MS:
            self._start_anew(self._run)

    @property
    def offset_ms(self) -> float:
        """What to add to the sender's timestamps, in ms; 0 while the clocks may agree."""
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

    def _forget(self, received_at_ms: float) -> None:
        oldest = received_at_ms - WINDOW_MS
        for observations in (self._fastest, self._unexplained):
            while observations and observations[0][0] < oldest:
                observations.popleft()
        if not self._fastest and self._unexplained:
            self._start_anew(self._unexplained)

    def _start_anew(self, observations: Iterable[_Observation]) -> None:
        found = list(observations)
        self._fastest.clear()
        self._unexplained.clear()
        self._run.clear()
        for received_at_ms, transit_ms in found:
            self._add(received_at_ms, transit_ms)


def _spread_ms(run: Iterable[_Observation]) -> float:
    transits = [transit for _, transit in run]
    return max(transits) - min(transits)
