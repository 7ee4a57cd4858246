"""Hears when somebody speaks, and supplies the words.

Sound that is loud begins an utterance, silence ends it. A tone says by its pitch which sentence it
is, so that who sends it again is heard to say the same; for any other sound it is the next one of
the script. There is a word for each 250 ms, told as Transcribe does it.
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
# The pitch of the first sentence's tone, and what each further one is higher.
_LOWEST_HZ, _STEP_HZ = 300, 50
_PEAK = 6_000
_TOKENS = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
_WORDS = re.compile(r"\w+(?:'\w+)?")
# As many of the last words may still change.
_UNSTABLE = 2


def loud(duration_ms: float, sample_rate: int = 16_000, *, number: int = 0) -> bytes:
    """A tone that is heard as the sentence of that number (up to 20)."""
    hertz = _LOWEST_HZ + number * _STEP_HZ
    return tone(duration_ms, sample_rate, hertz=hertz, peak=_PEAK)


def silent(duration_ms: float, sample_rate: int = 16_000) -> bytes:
    """Nothing to be heard."""
    return bytes(2 * round(duration_ms * sample_rate / 1000))


def floor_of(
    sentences: Sequence[str] = SENTENCES, sample_rate: int = 16_000, *, first: int = 0
) -> bytes:
    """Sound as long as the sentences, half a second of silence after each.

    It is heard as the server's sentences from number `first` on.
    """
    return b"".join(
        loud(WORD_MS * len(_WORDS.findall(sentence)), sample_rate, number=number)
        + silent(500, sample_rate)
        for number, sentence in enumerate(sentences, first)
    )


class Script:
    """What will be said in sounds that do not say it themselves, over and over."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences
        self._said = 0

    def said_in(self, sound: Sound) -> str:
        """What whoever speaks now says."""
        number = sound.number
        return self._sentences[(self._said if number is None else number) % len(self._sentences)]

    def advance(self, sound: Sound) -> None:
        """It was said to its end."""
        self._said += sound.number is None


@dataclass
class Sound:
    """The loud part of an utterance, so far."""

    sample_rate: int
    samples: int = 0
    crossings: int = 0
    peak: int = 0
    was_up: bool = False

    def add(self, samples: array[int]) -> None:
        """More of it."""
        signs = [self.was_up, *(sample >= 0 for sample in samples)]
        self.was_up = signs[-1]
        self.samples += len(samples)
        self.crossings += sum(a != b for a, b in itertools.pairwise(signs))
        self.peak = max(self.peak, *samples)

    @property
    def number(self) -> int | None:
        """Which tone it is, if it is one of ours."""
        hertz = self.crossings / 2 / (self.samples / self.sample_rate)
        number = round((hertz - _LOWEST_HZ) / _STEP_HZ)
        return max(number, 0) if abs(self.peak - _PEAK) <= _PEAK // 100 else None


class Ears:
    """One stream's. Times in the results are seconds since its first sample."""

    def __init__(self, sample_rate: int, script: Script) -> None:
        self._sample_rate = sample_rate
        self._window = sample_rate * _WINDOW_MS // 1000 * 2
        self._script = script
        self._rest = b""
        self._now = 0.0
        self._sound: Sound | None = None
        self._start = 0.0
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
        if is_loud and self._sound is None:
            self._sound = Sound(self._sample_rate)
            self._start = self._told = self._now
        self._now += _WINDOW_MS
        if self._sound is None:
            return
        if is_loud:
            self._sound.add(samples)
            self._last_loud = self._now
            if self._now - self._told >= _PARTIAL_MS:
                self._told = self._now
                yield self._result(self._sound, partial=True)
        elif self._now - self._last_loud >= _SILENCE_MS:
            yield from self.finish()

    def finish(self) -> Iterator[Result]:
        """The utterance that was under way is over."""
        if self._sound is not None:
            yield self._result(self._sound, partial=False)
            self._script.advance(self._sound)
            self._sound = None
            self._number += 1

    def _result(self, sound: Sound, *, partial: bool) -> Result:
        start, end = self._start, self._last_loud
        sentence = self._script.said_in(sound)
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
