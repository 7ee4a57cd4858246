"""From sound to utterances: where speech begins and ends, and what was said in between.

CMU PocketSphinx 5, https://pocketsphinx.readthedocs.io/. The figures below were measured:
docs/decisions/0024-offline-engine.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pocketsphinx

from interpreter.engines.offline.wire import Spoken

SAMPLE_RATE = 16_000
_SAMPLES_PER_MS = SAMPLE_RATE / 1000
# Of 10, 20 and 30 ms that the voice activity detector knows, the one that divides a chunk.
_FRAME_MS = 20
_FRAME_BYTES = int(_FRAME_MS * _SAMPLES_PER_MS) * 2
# Silence of so many seconds ends an utterance. Shorter, and a speaker who breathes is cut; each
# tenth of a second longer is one that every listener waits.
_WINDOW_SECONDS = 0.3
_MODE = 3  # the detector's strictest: breath and room are no speech
# Who does not pause is cut, at best where it is quieter for a moment.
_SOFT_LIMIT_MS = 8_000
_LIMIT_MS = 10_000
_QUIET = 0.1  # of the loudness so far
_QUIET_MS = 60
_PARTIAL_EVERY_MS = 300
_DECODER_FRAME_MS = 10

# The dictionary is in lower case; the translator knows the pronoun only as it is written.
_PRONOUN = re.compile(r"\bi\b")


class Word(Protocol):
    """A word with its frames of 10 ms, from the beginning of the utterance; the last one is in."""

    word: str
    start_frame: int
    end_frame: int


class Hypothesis(Protocol):
    """What the decoder thinks was said."""

    hypstr: str


class SpeechDecoder(Protocol):
    """What is needed of pocketsphinx.Decoder."""

    def reinit_feat(self) -> None: ...
    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes) -> object: ...
    def end_utt(self) -> None: ...
    def hyp(self) -> Hypothesis | None: ...
    def seg(self) -> Iterable[Word]: ...


def new_decoder() -> SpeechDecoder:
    """A decoder of US English with the models that the package brings; loads for 0.3 s."""
    # A second pass over the finished utterance would cost 70 ms at its end, and more the longer
    # it was. Fewer hypotheses per frame: a third less CPU, the same words.
    settings = {"fwdflat": False, "maxhmmpf": 3000, "loglevel": "FATAL"}
    decoder: SpeechDecoder = pocketsphinx.Decoder(pocketsphinx.Config(**settings))
    return decoder


class Utterances:
    """Finds utterances in a stream of 16 kHz samples, decoding them while they are spoken.

    Positions are ms from the beginning of all that was heard. Holds a third of a second of sound.
    """

    def __init__(self, decoder: SpeechDecoder) -> None:
        self._decoder = decoder
        self._rest = bytearray()
        self._heard_ms = 0.0
        self._stretch()
        self._speaking = False
        self._start_ms = 0.0
        self._decoded_ms = 0.0
        self._partial = ""
        self._partial_ms = 0.0
        self._loudness = 0.0
        self._quiet_ms = 0.0

    def hear(self, pcm: bytes) -> Iterator[Spoken]:
        """Take in s16le samples; what is known by them."""
        self._rest += pcm
        while len(self._rest) >= _FRAME_BYTES:
            frame = bytes(self._rest[:_FRAME_BYTES])
            del self._rest[:_FRAME_BYTES]
            yield from self._hear_frame(frame)

    def end(self, heard_ms: float) -> Iterator[Spoken]:
        """The sound ends here, or goes on elsewhere: silence follows. What comes next is at
        `heard_ms` from the beginning of all.
        """
        silence = bytes(_FRAME_BYTES)
        yield from self._hear_frame(bytes(self._rest).ljust(_FRAME_BYTES, b"\0"))
        self._rest.clear()
        # The endpointer gives a frame for each it gets, its window later.
        for _ in range(2 * int(_WINDOW_SECONDS * 1000 / _FRAME_MS)):
            yield from self._hear_frame(silence)
        yield from self._end_utterance()
        self._heard_ms = heard_ms
        self._stretch()

    def _stretch(self) -> None:
        """Sound without gaps begins at what was heard so far."""
        self._origin_ms = self._heard_ms
        self._endpointer = pocketsphinx.Endpointer(
            window=_WINDOW_SECONDS,
            vad_mode=_MODE,
            sample_rate=SAMPLE_RATE,
            frame_length=_FRAME_MS / 1000,
        )

    def _hear_frame(self, frame: bytes) -> Iterator[Spoken]:
        speech: bytes | None = self._endpointer.process(frame)
        self._heard_ms += _FRAME_MS
        if speech is None:
            return
        if not self._speaking:
            self._begin(self._origin_ms + self._endpointer.speech_start * 1000)
        self._decoder.process_raw(speech)
        self._decoded_ms += _FRAME_MS
        self._listen_for_quiet(speech)
        if not self._endpointer.in_speech:
            yield from self._end_utterance()
        elif self._is_too_long():
            yield from self._end_utterance()
            self._begin(self._start_ms + self._decoded_ms)
        else:
            yield from self._partial_result()

    def _begin(self, start_ms: float) -> None:
        # Otherwise the mean of what was heard before is taken from what is heard now, and the
        # same words are not recognised the same.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._speaking = True
        self._start_ms = start_ms
        self._decoded_ms = 0.0
        self._partial = ""
        self._partial_ms = 0.0
        self._loudness = 0.0
        self._quiet_ms = 0.0

    def _listen_for_quiet(self, speech: bytes) -> None:
        samples = np.frombuffer(speech, dtype="<i2").astype(np.float64)
        loudness = float(np.sqrt(np.mean(samples * samples)))
        quiet = loudness < _QUIET * self._loudness
        self._quiet_ms = self._quiet_ms + _FRAME_MS if quiet else 0.0
        share = _FRAME_MS / self._decoded_ms
        self._loudness += share * (loudness - self._loudness)

    def _is_too_long(self) -> bool:
        pauses = self._quiet_ms >= _QUIET_MS and self._decoded_ms >= _SOFT_LIMIT_MS
        return pauses or self._decoded_ms >= _LIMIT_MS

    def _partial_result(self) -> Iterator[Spoken]:
        if self._decoded_ms - self._partial_ms < _PARTIAL_EVERY_MS:
            return
        self._partial_ms = self._decoded_ms
        text = self._text()
        if text and text != self._partial:
            self._partial = text
            yield Spoken(text, False, self._start_ms, self._start_ms + self._decoded_ms)

    def _end_utterance(self) -> Iterator[Spoken]:
        if not self._speaking:
            return
        self._speaking = False
        self._decoder.end_utt()
        text = self._text()
        words = [word for word in self._decoder.seg() if not word.word.startswith(("<", "["))]
        if not text or not words:
            return  # a cough, a door
        start_ms = self._start_ms + words[0].start_frame * _DECODER_FRAME_MS
        spoken_ms = (words[-1].end_frame + 1) * _DECODER_FRAME_MS
        yield Spoken(text, True, start_ms, self._start_ms + min(spoken_ms, self._decoded_ms))

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return "" if hypothesis is None else _PRONOUN.sub("I", hypothesis.hypstr.strip())
