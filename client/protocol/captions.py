"""What there is to read: captions in order, from messages that may overtake each other, be lost, or
come twice. No input or output.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from shared.protocol.interpretation_messages import Caption

# Half an hour of talk, for whoever shows what was said before. What is older is forgotten, and
# could not be told from something new: it is not taken any more.
REMEMBERED = 500
# Times that are further apart than this (ms) are by different clocks: a speaker who came back with
# another device. No caption is so late.
_OTHER_CLOCK_MS = 60_000
# Languages of which the newest epoch is known: a listener's own and the floor's, and those that
# were listened to before.
_LANGUAGES = 16


class CaptionOutcome(Enum):
    """What became of a caption that arrived."""

    FINAL = "final"  # it stays
    PARTIAL = "partial"  # until the next one
    OLD = "old"  # had already, or overtaken: nothing is to be shown


class CaptionTrack:
    """The captions of what one listener hears of one session.

    Within an epoch of a language's channel the times of captions can be compared: a final one takes
    its place by its beginning, and a partial one is of use only while it ends later than all that
    is there. Between epochs only the epochs can be: an older one is over.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._finals: deque[Caption] = deque(maxlen=remembered)
        self._partial: Caption | None = None
        self._epochs: dict[str, int] = {}

    @property
    def finals(self) -> tuple[Caption, ...]:
        """What stays, in order; the oldest are forgotten in the end."""
        return tuple(self._finals)

    @property
    def partial(self) -> Caption | None:
        """What is being said, as far as it is known."""
        return self._partial

    def push(self, caption: Caption) -> CaptionOutcome:
        """Take in a caption that arrived, and say what it is."""
        if self._is_of_the_past(caption):
            return CaptionOutcome.OLD
        self._begin_with(caption)
        return self._commit(caption) if caption.final else self._replace(caption)

    def _is_of_the_past(self, caption: Caption) -> bool:
        return caption.epoch < self._epochs.get(caption.language, 0)

    def _begin_with(self, caption: Caption) -> None:
        """Forget what is being said if that was another voice."""
        if self._partial is not None and not _same_channel(self._partial, caption):
            self._partial = None
        self._epochs.pop(caption.language, None)
        self._epochs[caption.language] = caption.epoch
        if len(self._epochs) > _LANGUAGES:
            del self._epochs[next(iter(self._epochs))]

    def _commit(self, caption: Caption) -> CaptionOutcome:
        place = len(self._finals)
        # Among its neighbours of the same channel: the times of others say nothing.
        while place and _same_channel(self._finals[place - 1], caption):
            if not _is_before(caption.timestamp, self._finals[place - 1].timestamp):
                break
            place -= 1
        if any(_is_same_utterance(known, caption) for known in self._of_channel(caption)):
            return CaptionOutcome.OLD
        if len(self._finals) == self._finals.maxlen:
            if place == 0:
                return CaptionOutcome.OLD
            self._finals.popleft()
            place -= 1
        self._finals.insert(place, caption)
        if self._partial is not None and self._is_overtaken(self._partial):
            self._partial = None
        return CaptionOutcome.FINAL

    def _replace(self, caption: Caption) -> CaptionOutcome:
        if self._is_overtaken(caption) or caption == self._partial:
            return CaptionOutcome.OLD
        if self._partial is not None and _is_before(
            caption.end_timestamp, self._partial.end_timestamp
        ):
            return CaptionOutcome.OLD
        self._partial = caption
        return CaptionOutcome.PARTIAL

    def _is_overtaken(self, partial: Caption) -> bool:
        """Whether a partial caption's utterance has its final one, or is before one that has."""
        return any(
            known.timestamp == partial.timestamp
            or _is_before(partial.end_timestamp, known.end_timestamp + 1)
            for known in self._of_channel(partial)
        )

    def _of_channel(self, caption: Caption) -> list[Caption]:
        """The final captions of the same epoch of the same channel."""
        return [known for known in self._finals if _same_channel(known, caption)]


def _same_channel(one: Caption, other: Caption) -> bool:
    return (one.language, one.epoch) == (other.language, other.epoch)


def _is_before(time: int, other: int) -> bool:
    """Whether that is the earlier one, by one clock."""
    return 0 < other - time <= _OTHER_CLOCK_MS


def _is_same_utterance(known: Caption, final: Caption) -> bool:
    return (known.timestamp, known.end_timestamp) == (final.timestamp, final.end_timestamp)
