"""What a recogniser says is checked before it is believed. Pure.

Times are floor times, ms since the epoch.
"""

from __future__ import annotations

from interpreter.engine import Recognised

# A speaker who comes back on another device may bring another clock.
_OTHER_CLOCK_MS = 60_000
# Partial results change with every chunk; no reader follows faster than this.
_PARTIAL_MS = 250


class OrderGuard:
    """Lets results through that say something and come in the order of what was said; counts the
    others in `disordered`.
    """

    def __init__(self) -> None:
        self.disordered = 0
        self._spoken_until: int | None = None

    def passes(self, result: Recognised) -> bool:
        """Whether it is to be believed."""
        if result.text.strip() and result.end_timestamp >= result.timestamp and self._later(result):
            if result.final:
                self._spoken_until = result.end_timestamp
            return True
        # An utterance that turns out to be nothing, or a partial one that its final has overtaken,
        # is in the nature of recognising.
        self.disordered += result.final
        return False

    def _later(self, result: Recognised) -> bool:
        until = self._spoken_until
        return until is None or result.timestamp >= until or self._other_clock(result, until)

    def _other_clock(self, result: Recognised, until: int) -> bool:
        return result.end_timestamp < until - _OTHER_CLOCK_MS


class PartialThrottle:
    """Whether a partial result is worth a caption now."""

    def __init__(self) -> None:
        self._text = ""
        self._told_at_ms = 0.0

    def passes(self, result: Recognised, now_ms: float) -> bool:
        """Not if it says the same as the last one, nor too soon after it."""
        if result.final:
            self._text = ""
            return True
        if result.text == self._text or now_ms - self._told_at_ms < _PARTIAL_MS:
            return False
        self._text, self._told_at_ms = result.text, now_ms
        return True
