"""Fake recognition: scripted words for detected utterances, as Transcribe events.

Loud audio starts an utterance and silence ends it. The pitch of a tone selects the sentence, so
that repeated audio gives the same text. Any other sound gives the script's next sentence. Each word
takes 250 ms.
"""

from __future__ import annotations

import itertools
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.helpers.aws_speech.tones import tone

Result = dict[str, Any]

SENTENCES = ("One two three four five.", "We need more time to finish the work.", "It is late.")
WORD_MS = 250
_WINDOW_MS = 20
_SILENCE_MS = 300
_PARTIAL_MS = 200
_LOUD = 500
# Pitch of the first sentence's tone, and the step to the next.
_LOWEST_HZ, _STEP_HZ = 300, 50
_PEAK = 6_000
_TOKENS = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
_WORDS = re.compile(r"\w+(?:'\w+)?")
# Number of last words in a partial result that are not stable.
_UNSTABLE = 2


def loud(duration_ms: float, sample_rate: int = 16_000, *, number: int = 0) -> bytes:
    """A tone that is recognised as the sentence of that number (up to 20)."""
    hertz = _LOWEST_HZ + number * _STEP_HZ
    return tone(duration_ms, sample_rate, hertz=hertz, peak=_PEAK)


def silent(duration_ms: float, sample_rate: int = 16_000) -> bytes:
    """Silence."""
    return bytes(2 * round(duration_ms * sample_rate / 1000))


def floor_pcm(
    sentences: Sequence[str] = SENTENCES, sample_rate: int = 16_000, *, first: int = 0
) -> bytes:
    """Tones as long as the sentences, with half a second of silence after each.

    They are recognised as the server's sentences from number `first` on.
    """
    return b"".join(
        loud(WORD_MS * len(_WORDS.findall(sentence)), sample_rate, number=number)
        + silent(500, sample_rate)
        for number, sentence in enumerate(sentences, first)
    )


class Script:
    """Sentences by tone, or in turn for sounds that are not one of the tones."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences
        self._next = 0

    def sentence_for(self, sound: Sound) -> str:
        """Sentence of the current utterance."""
        number = sound.number
        return self._sentences[(self._next if number is None else number) % len(self._sentences)]

    def advance(self, sound: Sound) -> None:
        """Move on at the end of an utterance."""
        self._next += sound.number is None


@dataclass
class Sound:
    """The loud part of the current utterance."""

    sample_rate: int
    samples: int = 0
    crossings: int = 0
    peak: int = 0
    was_up: bool = False

    def add(self, samples: array[int]) -> None:
        """Append samples."""
        signs = [self.was_up, *(sample >= 0 for sample in samples)]
        self.was_up = signs[-1]
        self.samples += len(samples)
        self.crossings += sum(a != b for a, b in itertools.pairwise(signs))
        self.peak = max(self.peak, *samples)

    @property
    def number(self) -> int | None:
        """Number of the tone; None for any other sound."""
        hertz = self.crossings / 2 / (self.samples / self.sample_rate)
        number = round((hertz - _LOWEST_HZ) / _STEP_HZ)
        return max(number, 0) if abs(self.peak - _PEAK) <= _PEAK // 100 else None


class SpeechDetector:
    """Detects utterances of one stream. Result times are seconds in the stream."""

    def __init__(self, sample_rate: int, script: Script) -> None:
        self._sample_rate = sample_rate
        self._window = sample_rate * _WINDOW_MS // 1000 * 2
        self._script = script
        self._rest = b""
        self._now = 0.0
        self._sound: Sound | None = None
        self._start = 0.0
        self._last_loud = 0.0
        self._partial_at = 0.0
        self._number = 0

    def hear(self, pcm: bytes) -> Iterator[Result]:
        """Process audio; yields results."""
        self._rest += pcm
        while len(self._rest) >= self._window:
            window, self._rest = self._rest[: self._window], self._rest[self._window :]
            yield from self._take(window)

    def _take(self, window: bytes) -> Iterator[Result]:
        samples = array("h", window)
        if sys.byteorder == "big":
            samples.byteswap()
        is_loud = max(samples) > _LOUD
        if is_loud and self._sound is None:
            self._sound = Sound(self._sample_rate)
            self._start = self._partial_at = self._now
        self._now += _WINDOW_MS
        if self._sound is None:
            return
        if is_loud:
            self._sound.add(samples)
            self._last_loud = self._now
            if self._now - self._partial_at >= _PARTIAL_MS:
                self._partial_at = self._now
                yield self._result(self._sound, partial=True)
        elif self._now - self._last_loud >= _SILENCE_MS:
            yield from self.finish()

    def finish(self) -> Iterator[Result]:
        """End the current utterance."""
        if self._sound is not None:
            yield self._result(self._sound, partial=False)
            self._script.advance(self._sound)
            self._sound = None
            self._number += 1

    def _result(self, sound: Sound, *, partial: bool) -> Result:
        start, end = self._start, self._last_loud
        sentence = self._script.sentence_for(sound)
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
