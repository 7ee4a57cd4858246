"""Backlog of synthesised speech: how fast to speak and what to skip. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

# Position between `speed_up_ms` and `max_ms` where speech reaches its maximum speed.
_MAX_SPEED_AT = 0.5


class HasDuration(Protocol):
    """Anything with a playing time."""

    @property
    def duration_ms(self) -> float:
        """Playing time."""


_Speech = TypeVar("_Speech", bound=HasDuration)


class Backlog(Generic[_Speech]):
    """Queue of sentences waiting to be sent, in order.

    Above `speed_up_ms` of unsent speech, the next sentences are spoken faster, up to `max_speed`.
    Above `max_ms`, waiting sentences are skipped, oldest first. The current sentence is never
    skipped, and the newest one is kept even if it alone exceeds the maximum.
    """

    def __init__(self, speed_up_ms: float, max_ms: float, max_speed: float) -> None:
        self._speed_up_ms = speed_up_ms
        self._max_ms = max_ms
        self._max_speed = max_speed
        self._waiting: deque[_Speech] = deque()
        self._current_ms = 0.0  # unsent part of the current sentence

    @property
    def unsent_ms(self) -> float:
        """Duration of the speech still to be sent."""
        return self._current_ms + sum(speech.duration_ms for speech in self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether no sentence is waiting. One may still be in progress."""
        return not self._waiting

    def speed(self) -> float:
        """Speed for the next sentence; 1.0 is the voice's normal speed."""
        span = (self._max_ms - self._speed_up_ms) * _MAX_SPEED_AT
        urgency = (self.unsent_ms - self._speed_up_ms) / span
        return 1 + min(max(urgency, 0.0), 1.0) * (self._max_speed - 1)

    def add(self, speech: _Speech) -> list[_Speech]:
        """Append a sentence and return the sentences skipped to make room."""
        self._waiting.append(speech)
        skipped = []
        while self.unsent_ms > self._max_ms and len(self._waiting) > 1:
            skipped.append(self._waiting.popleft())
        return skipped

    def take(self) -> _Speech | None:
        """Start the next sentence; None if none is waiting."""
        if not self._waiting:
            return None
        speech = self._waiting.popleft()
        self._current_ms = speech.duration_ms
        return speech

    def sent(self, duration_ms: float) -> None:
        """Record that part of the current sentence was sent."""
        self._current_ms = max(self._current_ms - duration_ms, 0.0)

    def clear(self) -> list[_Speech]:
        """Discard everything, and return the sentences that had not started."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._current_ms = 0.0
        return waiting
