"""Order in which a fan-out serves its audience."""

from __future__ import annotations

# The golden ratio's fraction: its multiples spread the starts of any number of fan-outs evenly.
_STRIDE = 0.6180339887498949


class Rotation:
    """Starts each fan-out elsewhere in the audience.

    A deadline cuts off those who are served last. Without rotation it would be the same ones in
    every chunk.
    """

    def __init__(self) -> None:
        self._fanouts = 0

    def rotated(self, connection_ids: list[str]) -> list[str]:
        """Return the recipients in the order of the next fan-out."""
        start = int(len(connection_ids) * (self._fanouts * _STRIDE % 1))
        self._fanouts += 1
        return connection_ids[start:] + connection_ids[:start]
