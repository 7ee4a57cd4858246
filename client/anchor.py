"""How a sender's timestamps relate to the receiver's clock: one anchor per epoch."""

from __future__ import annotations

from collections import deque

# How far back the fastest chunk is looked for. Long enough to survive a slow spell, short enough
# to follow two quartz clocks that drift apart, and to recover when the network got slower for good.
WINDOW_MS = 10_000
# A chunk from further in the future than this comes from a clock that is wrong, not just imprecise.
FUTURE_TOLERANCE_MS = 1_000
# More chunks than the window can hold at the shortest chunk duration, 100 ms.
_MOST_KEPT = 256


class ClockAnchor:
    """Tells how much to add to a sender's timestamps to get the receiver's time.

    The rule: the clocks are taken as agreeing (offset 0) unless the fastest chunk of the last
    10 s shows that they cannot. If even that one took longer than the playout delay, everything
    would be late for ever; if it came from the future by more than a second, everything would
    wait. In both cases the fastest chunk is taken to have travelled in no time, and the others
    are played relative to it.
    """

    def __init__(self, playout_delay_ms: float) -> None:
        self._playout_delay_ms = playout_delay_ms
        # Transit times that no later one has undercut, so rising: the first is the smallest.
        self._fastest: deque[tuple[float, float]] = deque(maxlen=_MOST_KEPT)

    def observe(self, received_at_ms: float, transit_ms: float) -> None:
        """Take in a chunk's transit time: receipt - timestamp - duration, in ms."""
        while self._fastest and self._fastest[-1][1] >= transit_ms:
            self._fastest.pop()
        self._fastest.append((received_at_ms, transit_ms))
        while self._fastest[0][0] < received_at_ms - WINDOW_MS:
            self._fastest.popleft()

    @property
    def offset_ms(self) -> float:
        """What to add to the sender's timestamps, in ms; 0 while the clocks may agree."""
        if not self._fastest:
            return 0.0
        fastest = self._fastest[0][1]
        agree = -FUTURE_TOLERANCE_MS <= fastest <= self._playout_delay_ms
        return 0.0 if agree else fastest
