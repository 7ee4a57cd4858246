"""Floor captions that a machine sends, and those of its predecessor. Pure."""

from __future__ import annotations

from collections import deque

from interpreter.engine import RecognitionResult
from interpreter.machine.result_validator import PartialThrottle
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, Caption, SendCaption

_REMEMBERED = 64


class FloorCaptions:
    """Floor captions of one machine in one session; `language` is the floor's."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._throttle = PartialThrottle()
        self._sent: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._others_until: float | None = None

    def caption_for(self, result: RecognitionResult, now_ms: float) -> SendCaption | None:
        """Create the caption of a result; None for a partial result that is throttled."""
        if not self._throttle.accepts(result, now_ms):
            return None
        self._sent.append((result.timestamp, result.end_timestamp))
        return SendCaption(
            language=self._language,
            text=result.text[:MAX_CAPTION_LENGTH],
            final=result.final,
            timestamp=result.timestamp,
            end_timestamp=result.end_timestamp,
        )

    def receive(self, caption: Caption) -> None:
        """Record a caption of another machine.

        A machine receives its own captions too, on its other connections. Those are ignored.
        """
        ours = (caption.timestamp, caption.end_timestamp) in self._sent
        if caption.language == self._language and caption.final and not ours:
            self._others_until = caption.end_timestamp

    def reset(self) -> None:
        """Forget floor times, because the floor now uses another clock."""
        self._others_until = None

    def start_position(
        self, position: float | None, *, from_machine: bool, kept_ms: float, pre_roll_ms: float
    ) -> float:
        """Floor time from which a new lease holder interprets.

        `position` is the floor time heard so far. After another machine, interpretation continues
        where its last final caption ended, so that no sentence is repeated or lost. Otherwise it
        starts `pre_roll_ms` before `position`.
        """
        if position is None:
            return 0.0
        if from_machine and self._others_until is not None:
            return min(max(self._others_until, position - kept_ms), position)
        return position - pre_roll_ms
