"""Conversion of positions in the received audio to floor times."""

from __future__ import annotations

import bisect

# Half an hour of 200 ms chunks with a gap before each. Older gaps are forgotten.
_MAX_GAPS = 9_000
# Timestamps that differ by up to this much from the expected time do not count as a gap.
_TOLERANCE_MS = 20


class Timeline:
    """Maps positions to floor times.

    Positions are ms of audio since the start; floor times are ms since the Unix epoch.
    """

    def __init__(self) -> None:
        self._positions: list[float] = []
        self._timestamps: list[float] = []
        self._heard_ms = 0.0

    @property
    def heard_ms(self) -> float:
        """Duration of all audio added."""
        return self._heard_ms

    def add(self, timestamp: int, duration_ms: float) -> None:
        """Append a chunk whose first sample is from `timestamp`."""
        if not self._positions or abs(self.at(self._heard_ms) - timestamp) > _TOLERANCE_MS:
            self._positions.append(self._heard_ms)
            self._timestamps.append(timestamp)
            if len(self._positions) > _MAX_GAPS:
                del self._positions[0], self._timestamps[0]
        self._heard_ms += duration_ms

    def at(self, position_ms: float) -> int:
        """Floor time at a position.

        Positions before the oldest known gap are extrapolated. Raises ValueError without any audio.
        """
        if not self._positions:
            raise ValueError("the timeline has no audio yet")
        index = max(bisect.bisect_right(self._positions, position_ms) - 1, 0)
        return round(self._timestamps[index] + position_ms - self._positions[index])

    def end_at(self, position_ms: float) -> int:
        """Floor time at the end of a sound; at a gap, the time before the gap."""
        if not self._positions:
            raise ValueError("the timeline has no audio yet")
        index = max(bisect.bisect_left(self._positions, position_ms) - 1, 0)
        return round(self._timestamps[index] + position_ms - self._positions[index])
