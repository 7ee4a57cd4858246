"""Speech that is ready but not sent: how fast to speak, and what to leave out. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

# Where between the two bounds the voice is at its fastest.
_FASTEST_AT = 0.5


class Lasting(Protocol):
    """Something that takes a time to say."""

    @property
    def duration_ms(self) -> float:
        """How long it lasts."""


_Speech = TypeVar("_Speech", bound=Lasting)


class Backlog(Generic[_Speech]):
    """Sentences in the order in which they are to be said.

    Above `hurry_ms` of unsent speech the next ones are spoken faster, up to `fastest`; above
    `most_ms` those that have not begun are left out, oldest first. One alone may be longer, and the
    one that is being spoken is never left out.
    """

    def __init__(self, hurry_ms: float, most_ms: float, fastest: float) -> None:
        self._hurry_ms = hurry_ms
        self._most_ms = most_ms
        self._fastest = fastest
        self._waiting: deque[_Speech] = deque()
        self._rest_ms = 0.0  # of what is being spoken

    @property
    def unsent_ms(self) -> float:
        """How much speech is yet to be sent."""
        return self._rest_ms + sum(speech.duration_ms for speech in self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits; something may be being spoken."""
        return not self._waiting

    def speed(self) -> float:
        """At which the next sentence should be spoken: 1.0 is the voice's own."""
        span = (self._most_ms - self._hurry_ms) * _FASTEST_AT
        urgency = (self.unsent_ms - self._hurry_ms) / span
        return 1 + min(max(urgency, 0.0), 1.0) * (self._fastest - 1)

    def add(self, speech: _Speech) -> list[_Speech]:
        """Let a sentence wait for its turn; those that are left out for it."""
        self._waiting.append(speech)
        left_out = []
        while self.unsent_ms > self._most_ms and len(self._waiting) > 1:
            left_out.append(self._waiting.popleft())
        return left_out

    def take(self) -> _Speech | None:
        """The next sentence, which is being spoken from now on; None if none waits."""
        if not self._waiting:
            return None
        speech = self._waiting.popleft()
        self._rest_ms = speech.duration_ms
        return speech

    def sent(self, duration_ms: float) -> None:
        """So much of what is being spoken was sent."""
        self._rest_ms = max(self._rest_ms - duration_ms, 0.0)

    def clear(self) -> list[_Speech]:
        """Forget everything, also what is being spoken; the sentences that had not begun."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._rest_ms = 0.0
        return waiting
