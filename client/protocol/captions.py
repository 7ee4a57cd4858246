"""Captions in order, from reordered, lost or repeated messages. No I/O."""

from __future__ import annotations

from collections import deque
from enum import Enum

from shared.protocol.interpretation_messages import Caption

# Final captions kept as a transcript: about half an hour. A caption older than all of them is
# dropped, because it cannot be told from a repeated one.
MAX_FINALS = 500
# Timestamps further apart than this (ms) come from different clocks: the speaker returned with
# another device. No caption is this late.
_OTHER_CLOCK_MS = 60_000
# Languages whose newest epoch is kept: the listener's, the floor's and former choices.
_MAX_LANGUAGES = 16


class CaptionOutcome(Enum):
    """What became of a received caption."""

    FINAL = "final"  # shown for good
    PARTIAL = "partial"  # shown until the next one
    STALE = "stale"  # repeated or outdated: not shown


class CaptionTrack:
    """Captions of one listener's session.

    Within an epoch of a channel, captions are ordered by time: a final caption is inserted by its
    start, and a partial caption is shown only if it ends after all final ones. Across epochs, only
    the epochs are compared: a caption of an older epoch is stale.
    """

    def __init__(self, max_finals: int = MAX_FINALS) -> None:
        self._finals: deque[Caption] = deque(maxlen=max_finals)
        self._partial: Caption | None = None
        self._epochs: dict[str, int] = {}

    @property
    def finals(self) -> tuple[Caption, ...]:
        """Final captions in order, at most `max_finals`."""
        return tuple(self._finals)

    @property
    def partial(self) -> Caption | None:
        """The partial caption of the current utterance, if any."""
        return self._partial

    def push(self, caption: Caption) -> CaptionOutcome:
        """Add a received caption and return what became of it."""
        if caption.epoch < self._epochs.get(caption.language, 0):
            return CaptionOutcome.STALE
        self._note_epoch(caption)
        return self._commit(caption) if caption.final else self._replace(caption)

    def _note_epoch(self, caption: Caption) -> None:
        """Remember the epoch, and drop the partial caption of another channel."""
        if self._partial is not None and not _same_channel(self._partial, caption):
            self._partial = None
        self._epochs.pop(caption.language, None)
        self._epochs[caption.language] = caption.epoch
        if len(self._epochs) > _MAX_LANGUAGES:
            del self._epochs[next(iter(self._epochs))]

    def _commit(self, caption: Caption) -> CaptionOutcome:
        place = len(self._finals)
        # Only timestamps of the same channel are comparable.
        while place and _same_channel(self._finals[place - 1], caption):
            if not _is_before(caption.timestamp, self._finals[place - 1].timestamp):
                break
            place -= 1
        if any(_is_same_utterance(known, caption) for known in self._of_channel(caption)):
            return CaptionOutcome.STALE
        if len(self._finals) == self._finals.maxlen:
            if place == 0:
                return CaptionOutcome.STALE
            self._finals.popleft()
            place -= 1
        self._finals.insert(place, caption)
        if self._partial is not None and self._is_overtaken(self._partial):
            self._partial = None
        return CaptionOutcome.FINAL

    def _replace(self, caption: Caption) -> CaptionOutcome:
        if self._is_overtaken(caption) or caption == self._partial:
            return CaptionOutcome.STALE
        if self._partial is not None and _is_before(
            caption.end_timestamp, self._partial.end_timestamp
        ):
            return CaptionOutcome.STALE
        self._partial = caption
        return CaptionOutcome.PARTIAL

    def _is_overtaken(self, partial: Caption) -> bool:
        """Return whether the partial's utterance, or a later one, has its final caption."""
        return any(
            known.timestamp == partial.timestamp
            or _is_before(partial.end_timestamp, known.end_timestamp + 1)
            for known in self._of_channel(partial)
        )

    def _of_channel(self, caption: Caption) -> list[Caption]:
        """Return the final captions of the same channel and epoch."""
        return [known for known in self._finals if _same_channel(known, caption)]


def _same_channel(one: Caption, other: Caption) -> bool:
    return (one.language, one.epoch) == (other.language, other.epoch)


def _is_before(time: int, other: int) -> bool:
    """Return whether `time` is earlier than `other`, if both are by one clock."""
    return 0 < other - time <= _OTHER_CLOCK_MS


def _is_same_utterance(known: Caption, final: Caption) -> bool:
    return (known.timestamp, known.end_timestamp) == (final.timestamp, final.end_timestamp)
