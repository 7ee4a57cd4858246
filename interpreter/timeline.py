"""When something was said: positions in the sound that was heard, as times of the floor."""

from __future__ import annotations

import bisect

# Half an hour of 200 ms chunks with a gap before each; older ones are forgotten.
_MOST_KEPT = 9_000
# Chunks whose timestamps fit each other to so many ms follow without a gap.
_TOLERANCE_MS = 20


class Timeline:
    """Maps the ms of sound heard so far to floor times (ms since the epoch), over any gaps."""

    def __init__(self) -> None:
        self._positions: list[float] = []
        self._timestamps: list[float] = []
        self._heard_ms = 0.0

    @property
    def heard_ms(self) -> float:
        """How much sound was heard."""
        return self._heard_ms

    def add(self, timestamp: int, duration_ms: float) -> None:
        """A chunk was heard that begins at `timestamp` and lasts so long."""
        if not self._positions or abs(self.at(self._heard_ms) - timestamp) > _TOLERANCE_MS:
            self._positions.append(self._heard_ms)
            self._timestamps.append(timestamp)
            if len(self._positions) > _MOST_KEPT:
                del self._positions[0], self._timestamps[0]
        self._heard_ms += duration_ms

    def at(self, position_ms: float) -> int:
        """The floor time of the sound at `position_ms` from the beginning of what was heard.

        Before the first chunk, or in what is forgotten, it is extrapolated from what is known.
        Raises ValueError while nothing was heard.
        """
        if not self._positions:
            raise ValueError("nothing was heard yet")
        index = max(bisect.bisect_right(self._positions, position_ms) - 1, 0)
        return round(self._timestamps[index] + position_ms - self._positions[index])

    def end_at(self, position_ms: float) -> int:
        """As `at`, of the end of a sound: at a gap, the side before it."""
        if not self._positions:
            raise ValueError("nothing was heard yet")
        index = max(bisect.bisect_left(self._positions, position_ms) - 1, 0)
        return round(self._timestamps[index] + position_ms - self._positions[index])
