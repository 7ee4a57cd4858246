"""What a recogniser says is checked before it is believed. Pure.

Times are floor times, ms since the epoch.
"""

from __future__ import annotations

from interpreter.engine import Recognised

# What was said so long after the newest sound (ms) was said by another clock.
_AHEAD_MS = 1_000
# Partial results change with every chunk; no reader follows faster than this.
_PARTIAL_MS = 250


class ResultValidator:
    """Lets results through that say something and come in the order of what was said; counts the
    others in `disordered`.
    """

    def __init__(self) -> None:
        self.disordered = 0
        self._spoken_until: int | None = None
        self._straggler = False

    def stepped_back(self) -> None:
        """The floor goes on by a clock that is behind the former one: the speaker is back, on
        another device. What follows is not late. One sentence by the former clock may still come.
        """
        self._spoken_until = None
        self._straggler = True

    def passes(self, result: Recognised, heard_until: float) -> bool:
        """Whether it is to be believed, if the floor was heard up to that time."""
        until = self._spoken_until
        later = until is None or result.timestamp >= until
        if not (result.text.strip() and result.end_timestamp >= result.timestamp and later):
            # A partial result that its final has overtaken is in the nature of recognising.
            self.disordered += result.final
            return False
        if self._straggler and result.end_timestamp > heard_until + _AHEAD_MS:
            self._straggler = not result.final
        elif result.final:
            self._spoken_until = result.end_timestamp
        return True


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
