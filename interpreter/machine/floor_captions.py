"""The floor's captions: those that a machine sends, and what it learns from another one's. Pure."""

from __future__ import annotations

from collections import deque

from interpreter.engine import Recognised
from interpreter.machine.result_validator import PartialThrottle
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, Caption, SendCaption

_REMEMBERED = 64


class FloorCaptions:
    """Of one machine, in one session whose floor has that language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._throttle = PartialThrottle()
        self._told: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._others_until: float | None = None

    def of(self, result: Recognised, now_ms: float) -> SendCaption | None:
        """The caption of a result; None of a partial one that nobody could follow."""
        if not self._throttle.passes(result, now_ms):
            return None
        self._told.append((result.timestamp, result.end_timestamp))
        return SendCaption(
            language=self._language,
            text=result.text[:MAX_CAPTION_LENGTH],
            final=result.final,
            timestamp=result.timestamp,
            end_timestamp=result.end_timestamp,
        )

    def heard(self, caption: Caption) -> None:
        """A caption arrived; what this machine sends on one connection it hears on the others."""
        ours = (caption.timestamp, caption.end_timestamp) in self._told
        if caption.language == self._language and caption.final and not ours:
            self._others_until = caption.end_timestamp

    def forget(self) -> None:
        """The floor's times are by another clock from now on."""
        self._others_until = None

    def cut(
        self, position: float | None, *, from_machine: bool, kept_ms: float, pre_roll_ms: float
    ) -> float:
        """The floor time from which a new voice interprets, if the floor is heard up to `position`.

        That is where the machine before it stopped, as its captions told, so that no sentence is
        said twice and none is left out; or else where the floor is, a little earlier.
        """
        if position is None:
            return 0.0
        if from_machine and self._others_until is not None:
            return min(max(self._others_until, position - kept_ms), position)
        return position - pre_roll_ms
