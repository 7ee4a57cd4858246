"""Hears when somebody speaks, and supplies the words from a script.

Sound that is loud begins an utterance, silence ends it. It takes a sentence of the script for each
utterance, a word for each 250 ms of it, and says them as Transcribe does.
"""

from __future__ import annotations

import math
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

Result = dict[str, Any]

SENTENCES = ("One two three four five.", "We need more time to finish the work.", "It is late.")
WORD_MS = 250
_WINDOW_MS = 20
_SILENCE_MS = 300
_PARTIAL_MS = 200
_LOUD = 500
_TOKENS = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
# As many of the last words may still change.
_UNSTABLE = 2


def loud(duration_ms: float, sample_rate: int = 16_000) -> bytes:
    """A tone that is heard as speech."""
    count = round(duration_ms * sample_rate / 1000)
    step = 2 * math.pi * 300 / sample_rate
    samples = array("h", [round(6_000 * math.sin(step * index)) for index in range(count)])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def silent(duration_ms: float, sample_rate: int = 16_000) -> bytes:
    """Nothing to be heard."""
    return bytes(2 * round(duration_ms * sample_rate / 1000))


def floor_of(sentences: Sequence[str] = SENTENCES, sample_rate: int = 16_000) -> bytes:
    """Sound in which the sentences are heard, half a second of silence after each."""
    return b"".join(
        loud(WORD_MS * len(re.findall(r"\w+(?:'\w+)?", sentence)), sample_rate)
        + silent(500, sample_rate)
        for sentence in sentences
    )


class Script:
    """What will be said, over and over, whatever the stream."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences
        self._said = 0

    @property
    def next(self) -> str:
        """What whoever speaks now says."""
        return self._sentences[self._said % len(self._sentences)]

    def advance(self) -> None:
        """It was said to its end."""
        self._said += 1


class Ears:
    """One stream's. Times in the results are seconds since its first sample."""

    def __init__(self, sample_rate: int, script: Script) -> None:
        self._window = sample_rate * _WINDOW_MS // 1000 * 2
        self._script = script
        self._rest = b""
        self._now = 0.0
        self._start: float | None = None
        self._last_loud = 0.0
        self._told = 0.0
        self._number = 0

    def hear(self, pcm: bytes) -> Iterator[Result]:
        """More sound, and what there is to say of it."""
        self._rest += pcm
        while len(self._rest) >= self._window:
            window, self._rest = self._rest[: self._window], self._rest[self._window :]
            yield from self._take(window)

    def _take(self, window: bytes) -> Iterator[Result]:
        samples = array("h", window)
        if sys.byteorder == "big":
            samples.byteswap()
        is_loud = max(samples) > _LOUD
        if is_loud and self._start is None:
            self._start = self._told = self._now
        self._now += _WINDOW_MS
        if self._start is None:
            return
        if is_loud:
            self._last_loud = self._now
            if self._now - self._told >= _PARTIAL_MS:
                self._told = self._now
                yield self._result(self._start, self._now, partial=True)
        elif self._now - self._last_loud >= _SILENCE_MS:
            yield from self.finish()

    def finish(self) -> Iterator[Result]:
        """The utterance that was under way is over."""
        if self._start is not None:
            yield self._result(self._start, self._last_loud, partial=False)
            self._script.advance()
            self._start = None
            self._number += 1

    def _result(self, start: float, end: float, *, partial: bool) -> Result:
        sentence = self._script.next
        tokens = list(_TOKENS.finditer(sentence))
        words = sum(token[0][0].isalnum() for token in tokens)
        word_ms = WORD_MS if partial else min(WORD_MS, (end - start) / max(words, 1))
        heard = min(words, max(1, int((end - start) / WORD_MS))) if partial else words
        items: list[dict[str, Any]] = []
        at, count, stop = start, 0, 0
        for token in tokens:
            is_word = token[0][0].isalnum()
            if is_word and count == heard:
                break
            begin, count = at, count + is_word
            if is_word:
                at = end if count == words and not partial else at + word_ms
            stop = token.end()
            items.append(
                {
                    "Content": token[0],
                    "StartTime": (begin if is_word else at) / 1000,
                    "EndTime": at / 1000,
                    "Stable": not partial or count <= heard - _UNSTABLE,
                    "Type": "pronunciation" if is_word else "punctuation",
                    "VocabularyFilterMatch": False,
                }
            )
        return {
            "Alternatives": [{"Items": items, "Transcript": sentence[:stop]}],
            "ChannelId": "ch_0",
            "EndTime": end / 1000,
            "IsPartial": partial,
            "ResultId": f"00000000-0000-4000-8000-{self._number:012}",
            "StartTime": start / 1000,
        }
