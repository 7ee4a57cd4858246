"""Offset of the server's clock from this machine's, estimated from heartbeats."""

from __future__ import annotations


class ClockOffset:
    """Keeps the best estimate: the one with the shortest round trip.

    The server's timestamp lies within the round trip, so the error is at most half a round trip.
    An offset within that bound counts as 0: a slow reply must not make a correct clock look wrong.
    """

    def __init__(self) -> None:
        self._offset_ms = 0.0
        self._uncertainty_ms = float("inf")

    def add(self, sent_at_ms: int, server_at_ms: int, received_at_ms: int) -> None:
        """Add one heartbeat: its send time, server time and receive time in ms."""
        uncertainty = max(received_at_ms - sent_at_ms, 0) / 2
        if uncertainty <= self._uncertainty_ms:
            self._uncertainty_ms = uncertainty
            self._offset_ms = server_at_ms - (sent_at_ms + received_at_ms) / 2

    @property
    def offset_ms(self) -> float:
        """Milliseconds to add to this machine's time to get the server's."""
        # Both clocks read whole milliseconds, hence the extra 1 ms.
        evident = abs(self._offset_ms) > self._uncertainty_ms + 1
        return self._offset_ms if evident else 0.0
