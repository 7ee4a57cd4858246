"""Validation and throttling of recognition results. Pure.

Times are floor times, ms since the Unix epoch.
"""

from __future__ import annotations

from interpreter.engine import RecognitionResult

# A result this far ahead of the newest audio (ms) is timed by another clock.
_AHEAD_MS = 1_000
# Minimum interval of partial captions (ms). Partial results change with every chunk, faster than
# anyone can read.
_PARTIAL_MS = 250


class ResultValidator:
    """Accepts results that have text and come in chronological order.

    `disordered` counts the final results it rejects.
    """

    def __init__(self) -> None:
        self.disordered = 0
        self._spoken_until: int | None = None
        self._straggler = False

    def clock_stepped_back(self) -> None:
        """Accept earlier times from now on.

        The speaker has returned on another device, whose clock is behind. One more sentence timed
        by the old clock may still arrive.
        """
        self._spoken_until = None
        self._straggler = True

    def accepts(self, result: RecognitionResult, heard_until: float) -> bool:
        """Whether a result is valid; `heard_until` is the end of the newest audio."""
        until = self._spoken_until
        later = until is None or result.timestamp >= until
        if not (result.text.strip() and result.end_timestamp >= result.timestamp and later):
            # A partial result that arrives after its final one is normal and does not count.
            self.disordered += result.final
            return False
        if self._straggler and result.end_timestamp > heard_until + _AHEAD_MS:
            self._straggler = not result.final
        elif result.final:
            self._spoken_until = result.end_timestamp
        return True


class PartialThrottle:
    """Limits the rate of partial captions."""

    def __init__(self) -> None:
        self._text = ""
        self._sent_at_ms = 0.0

    def accepts(self, result: RecognitionResult, now_ms: float) -> bool:
        """Whether to caption a result: not if unchanged, nor too soon after the last."""
        if result.final:
            self._text = ""
            return True
        if result.text == self._text or now_ms - self._sent_at_ms < _PARTIAL_MS:
            return False
        self._text, self._sent_at_ms = result.text, now_ms
        return True
