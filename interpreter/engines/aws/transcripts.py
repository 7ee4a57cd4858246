"""Transcribe events, and the sentences in them.

https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_Result.html. A segment
lasts until the speaker pauses, which may take half a minute. Its words become stable much earlier
and then do not change, so a sentence whose words are all stable is treated as final.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from interpreter.engines.aws.event_stream import FrameError
from interpreter.engines.aws.texts import SENTENCE_ENDS

# Punctuation before the first word of a sentence.
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
        """Whether it is a spoken word, not punctuation."""
        return self.type != "punctuation"

    @property
    def ends_sentence(self) -> bool:
        """Whether it is a full stop or other sentence end."""
        return not self.is_word and self.content[-1:] in SENTENCE_ENDS


class Alternative(msgspec.Struct, rename="pascal", frozen=True):
    """One reading of a segment. Streams have a single one."""

    items: list[Item] | None = None
    transcript: str | None = None


class Result(msgspec.Struct, rename="pascal", frozen=True):
    """A segment, or its beginning if partial."""

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
    """Decode the results of a TranscriptEvent. Raises FrameError."""
    try:
        return _decoder.decode(payload).transcript.results or []
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise FrameError("Transcribe sent an invalid event; connect again") from fault


@dataclass(frozen=True, slots=True)
class TimedText:
    """A sentence or part of one, `start` to `end` seconds into the stream.

    `first_middle` and `last_middle` are the middles of its first and last word. They are more
    reliable than the ends: at a gap in the floor, they are on the right side of it. A final text
    settles all audio up to `settled`.
    """

    text: str
    final: bool
    start: float
    end: float
    first_middle: float
    last_middle: float
    settled: float


class SentenceSplitter:
    """Splits the results of one stream into final sentences and a partial rest."""

    def __init__(self) -> None:
        self._settled = -1.0

    def take(self, result: Result) -> Iterator[TimedText]:
        """Texts added by a result. A final one without text only settles audio."""
        alternative = next(iter(result.alternatives or []), Alternative())
        items = alternative.items or []
        texts = _texts(alternative.transcript or "", items)
        new = self._first_new(items)
        while end := _sentence_end(items, new, stable=result.is_partial):
            self._settled = max(self._settled, items[end - 1].end_time)
            yield _timed_text("".join(texts[new:end]), items[new:end], result, final=True)
            new = end
        rest, text = items[new:], "".join(texts[new:])
        if not items:
            text = alternative.transcript or ""
        if not result.is_partial:
            self._settled = max(self._settled, *(item.end_time for item in items), -1.0)
        if text.strip() or not result.is_partial:
            yield _timed_text(text, rest, result, final=not result.is_partial)

    def _first_new(self, items: Sequence[Item]) -> int:
        """Index of the first item that is not settled."""
        for index, item in enumerate(items):
            # A word's times may shift until its segment is final, but its middle stays on one side.
            if item.is_word and (item.start_time + item.end_time) / 2 > self._settled:
                while index and items[index - 1].content in _OPENING:
                    index -= 1  # noqa: PLW2901
                return index
        return len(items)


def _timed_text(text: str, items: Sequence[Item], result: Result, *, final: bool) -> TimedText:
    words = [item for item in items if item.is_word]
    first = words[0] if words else result
    last = words[-1] if words else result
    settled = last.end_time if result.is_partial else max(result.end_time, last.end_time)
    return TimedText(
        text.strip(),
        final,
        first.start_time,
        max(first.start_time, last.end_time),
        (first.start_time + first.end_time) / 2,
        (last.start_time + last.end_time) / 2,
        settled,
    )


def _sentence_end(items: Sequence[Item], start: int, *, stable: bool) -> int:
    """Index after the sentence at `start`; 0 if it does not end.

    With `stable`, a sentence ends only if all its items are stable.
    """
    for index in range(start, len(items)):
        if stable and not items[index].stable:
            return 0
        if items[index].ends_sentence:
            return index + 1
    return 0


def _texts(transcript: str, items: Sequence[Item]) -> list[str]:
    """Text of each item in the transcript, including the spaces before it.

    Only the transcript shows whether the script uses spaces.
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
