"""How far this machine's clock is from the server's, estimated from heartbeats."""

from __future__ import annotations


class ClockOffset:
    """Keeps the best of all estimates: the one whose round trip was the shortest.

    A heartbeat's answer was written at some moment of its round trip, so the estimate is off by
    half a round trip at most. An offset within that bound proves nothing, and counts as 0: on a
    machine whose clock is right, a slow answer must not make it look wrong.
    """

    def __init__(self) -> None:
        self._offset_ms = 0.0
        self._uncertainty_ms = float("inf")

    def add(self, sent_at_ms: int, server_at_ms: int, received_at_ms: int) -> None:
        """Take in one heartbeat: when it was sent, answered (server's clock) and received."""
        uncertainty = max(received_at_ms - sent_at_ms, 0) / 2
        if uncertainty <= self._uncertainty_ms:
            self._uncertainty_ms = uncertainty
            self._offset_ms = server_at_ms - (sent_at_ms + received_at_ms) / 2

    @property
    def offset_ms(self) -> float:
        """What to add to this machine's time to get the server's, in ms."""
        # A clock reads whole milliseconds, hence one more on either side.
        evident = abs(self._offset_ms) > self._uncertainty_ms + 1
        return self._offset_ms if evident else 0.0
