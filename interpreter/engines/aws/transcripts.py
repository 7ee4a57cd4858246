"""What Transcribe says, and the sentences in it.

https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_Result.html. A segment
lasts until the speaker pauses, which may take half a minute. Its words become stable long before,
and then do not change any more: a sentence of which every word is stable is as good as final.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from interpreter.engines.aws.event_stream import FrameError
from interpreter.engines.aws.texts import SENTENCE_ENDS

# What stands before a sentence's first word.
_OPENING = frozenset("\u00bf\u00a1")


class Item(msgspec.Struct, rename="pascal", frozen=True):
    """A word or a punctuation mark; times in seconds since the stream's first sample."""

    content: str = ""
    start_time: float = 0.0
    end_time: float = 0.0
    type: str = "pronunciation"
    stable: bool | None = None

    @property
    def is_word(self) -> bool:
        """Whether it was said, and not only written."""
        return self.type != "punctuation"

    @property
    def ends_sentence(self) -> bool:
        """Whether it is a full stop, or its like."""
        return not self.is_word and self.content[-1:] in SENTENCE_ENDS


class Alternative(msgspec.Struct, rename="pascal", frozen=True):
    """One reading of a segment; only one comes in streams."""

    items: list[Item] | None = None
    transcript: str | None = None


class Result(msgspec.Struct, rename="pascal", frozen=True):
    """A segment, or as much of it as was heard."""

    alternatives: list[Alternative] | None = None
    start_time: float = 0.0
    end_time: float = 0.0
    is_partial: bool = False


class _Transcript(msgspec.Struct, rename="pascal", frozen=True):
    results: list[Result] | None = None


class _TranscriptEvent(msgspec.Struct, rename="pascal", frozen=True):
    transcript: _Transcript = _Transcript()


_decoder = msgspec.json.Decoder(_TranscriptEvent)


def results_of(payload: bytes) -> list[Result]:
    """The results of a TranscriptEvent. Raises FrameError."""
    try:
        return _decoder.decode(payload).transcript.results or []
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise FrameError("Transcribe sent an event that is none; connect again") from fault


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of what was said, `start` to `end` seconds into the stream, by its words.

    The middles of its first and its last word are surer than its ends: where the floor has a gap,
    they are on the right side of it. With a final one, everything up to `settled` is dealt with.
    """

    text: str
    final: bool
    start: float
    end: float
    first_middle: float
    last_middle: float
    settled: float


class Sentences:
    """Makes of one stream's results final sentences, and what is still open after them."""

    def __init__(self) -> None:
        self._settled = -1.0

    def take(self, result: Result) -> Iterator[Passage]:
        """What a result adds. A final passage without text says only that all is settled."""
        alternative = next(iter(result.alternatives or []), Alternative())
        items = alternative.items or []
        texts = _texts(alternative.transcript or "", items)
        new = self._first_new(items)
        while end := _sentence_end(items, new, stable=result.is_partial):
            self._settled = max(self._settled, items[end - 1].end_time)
            yield _passage("".join(texts[new:end]), items[new:end], result, final=True)
            new = end
        rest, text = items[new:], "".join(texts[new:])
        if not items:
            text = alternative.transcript or ""
        if not result.is_partial:
            self._settled = max(self._settled, *(item.end_time for item in items), -1.0)
        if text.strip() or not result.is_partial:
            yield _passage(text, rest, result, final=not result.is_partial)

    def _first_new(self, items: Sequence[Item]) -> int:
        """Where what is not settled begins."""
        for index, item in enumerate(items):
            # A word may move a little until its segment is final; it stays on one side.
            if item.is_word and (item.start_time + item.end_time) / 2 > self._settled:
                while index and items[index - 1].content in _OPENING:
                    index -= 1  # noqa: PLW2901
                return index
        return len(items)


def _passage(text: str, items: Sequence[Item], result: Result, *, final: bool) -> Passage:
    words = [item for item in items if item.is_word]
    first = words[0] if words else result
    last = words[-1] if words else result
    settled = last.end_time if result.is_partial else max(result.end_time, last.end_time)
    return Passage(
        text.strip(),
        final,
        first.start_time,
        max(first.start_time, last.end_time),
        (first.start_time + first.end_time) / 2,
        (last.start_time + last.end_time) / 2,
        settled,
    )


def _sentence_end(items: Sequence[Item], start: int, *, stable: bool) -> int:
    """Where the sentence at `start` ends, 0 if it does not; only over stable items, if asked."""
    for index in range(start, len(items)):
        if stable and not items[index].stable:
            return 0
        if items[index].ends_sentence:
            return index + 1
    return 0


def _texts(transcript: str, items: Sequence[Item]) -> list[str]:
    """Each item as it stands in the transcript, with the spaces before it.

    Only there is it seen whether a script has spaces.
    """
    texts: list[str] = []
    position = 0
    for item in items:
        at = transcript.find(item.content, position)
        if at < 0:
            return [item.content if not item.is_word else f" {item.content}" for item in items]
        end = at + len(item.content)
        texts.append(transcript[position:end])
        position = end
    return texts
