"""Detection and decoding of utterances with CMU PocketSphinx 5.

https://pocketsphinx.readthedocs.io/. The figures below were measured; see
docs/decisions/0024-offline-engine.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pocketsphinx

from interpreter.engines.offline.wire import Transcript

SAMPLE_RATE = 16_000
_SAMPLES_PER_MS = SAMPLE_RATE / 1000
# The voice activity detector supports 10, 20 and 30 ms; 20 ms divides a chunk.
_FRAME_MS = 20
_FRAME_BYTES = int(_FRAME_MS * _SAMPLES_PER_MS) * 2
# Silence that ends an utterance. A shorter one would cut at breaths; a longer one delays every
# listener by as much.
_WINDOW_SECONDS = 0.3
_MODE = 3  # the detector's strictest mode, which ignores breath and room noise
# Long utterances are cut at a quieter moment after the soft limit, or at the hard limit.
_SOFT_LIMIT_MS = 8_000
_LIMIT_MS = 10_000
_QUIET = 0.1  # relative to the mean loudness so far
_QUIET_MS = 60
_PARTIAL_EVERY_MS = 300
_DECODER_FRAME_MS = 10

# The dictionary is in lower case, but the translator only knows the pronoun as "I".
_PRONOUN = re.compile(r"\bi\b")


class Word(Protocol):
    """A word with its first and last frame (10 ms each) in the utterance."""

    word: str
    start_frame: int
    end_frame: int


class Hypothesis(Protocol):
    """The decoder's current hypothesis."""

    hypstr: str


class SpeechDecoder(Protocol):
    """The part of pocketsphinx.Decoder that is used."""

    def reinit_feat(self) -> None: ...
    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes) -> object: ...
    def end_utt(self) -> None: ...
    def hyp(self) -> Hypothesis | None: ...
    def seg(self) -> Iterable[Word]: ...


def new_decoder() -> SpeechDecoder:
    """Create a US English decoder with the package's models. Takes 0.3 s."""
    # `fwdflat` would add a second pass over the utterance: 70 ms at its end, or more if it is long.
    # A lower `maxhmmpf` means fewer hypotheses per frame: a third less CPU for the same words.
    settings = {"fwdflat": False, "maxhmmpf": 3000, "loglevel": "FATAL"}
    decoder: SpeechDecoder = pocketsphinx.Decoder(pocketsphinx.Config(**settings))
    return decoder


class Utterances:
    """Finds and decodes utterances in a stream of 16 kHz samples.

    Positions are ms since the start of the audio. Buffers a third of a second.
    """

    def __init__(self, decoder: SpeechDecoder) -> None:
        self._decoder = decoder
        self._rest = bytearray()
        self._heard_ms = 0.0
        self._start_stretch()
        self._speaking = False
        self._start_ms = 0.0
        self._decoded_ms = 0.0
        self._partial = ""
        self._partial_ms = 0.0
        self._loudness = 0.0
        self._quiet_ms = 0.0

    def hear(self, pcm: bytes) -> Iterator[Transcript]:
        """Process s16le samples; yields the resulting transcripts."""
        self._rest += pcm
        while len(self._rest) >= _FRAME_BYTES:
            frame = bytes(self._rest[:_FRAME_BYTES])
            del self._rest[:_FRAME_BYTES]
            yield from self._hear_frame(frame)

    def end(self, heard_ms: float) -> Iterator[Transcript]:
        """End the current stretch of audio. The next one starts at position `heard_ms`."""
        silence = bytes(_FRAME_BYTES)
        yield from self._hear_frame(bytes(self._rest).ljust(_FRAME_BYTES, b"\0"))
        self._rest.clear()
        # The endpointer returns each frame one window later.
        for _ in range(2 * int(_WINDOW_SECONDS * 1000 / _FRAME_MS)):
            yield from self._hear_frame(silence)
        yield from self._end_utterance()
        self._heard_ms = heard_ms
        self._start_stretch()

    def _start_stretch(self) -> None:
        """Start a stretch of audio without gaps at the current position."""
        self._origin_ms = self._heard_ms
        self._endpointer = pocketsphinx.Endpointer(
            window=_WINDOW_SECONDS,
            vad_mode=_MODE,
            sample_rate=SAMPLE_RATE,
            frame_length=_FRAME_MS / 1000,
        )

    def _hear_frame(self, frame: bytes) -> Iterator[Transcript]:
        speech: bytes | None = self._endpointer.process(frame)
        self._heard_ms += _FRAME_MS
        if speech is None:
            return
        if not self._speaking:
            self._begin_utterance(self._origin_ms + self._endpointer.speech_start * 1000)
        self._decoder.process_raw(speech)
        self._decoded_ms += _FRAME_MS
        self._measure_loudness(speech)
        if not self._endpointer.in_speech:
            yield from self._end_utterance()
        elif self._is_too_long():
            yield from self._end_utterance()
            self._begin_utterance(self._start_ms + self._decoded_ms)
        else:
            yield from self._partial_result()

    def _begin_utterance(self, start_ms: float) -> None:
        # Without this reset, the mean of earlier audio is subtracted from new audio, and the same
        # words are recognised differently.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._speaking = True
        self._start_ms = start_ms
        self._decoded_ms = 0.0
        self._partial = ""
        self._partial_ms = 0.0
        self._loudness = 0.0
        self._quiet_ms = 0.0

    def _measure_loudness(self, speech: bytes) -> None:
        samples = np.frombuffer(speech, dtype="<i2").astype(np.float64)
        loudness = float(np.sqrt(np.mean(samples * samples)))
        quiet = loudness < _QUIET * self._loudness
        self._quiet_ms = self._quiet_ms + _FRAME_MS if quiet else 0.0
        share = _FRAME_MS / self._decoded_ms
        self._loudness += share * (loudness - self._loudness)

    def _is_too_long(self) -> bool:
        pauses = self._quiet_ms >= _QUIET_MS and self._decoded_ms >= _SOFT_LIMIT_MS
        return pauses or self._decoded_ms >= _LIMIT_MS

    def _partial_result(self) -> Iterator[Transcript]:
        if self._decoded_ms - self._partial_ms < _PARTIAL_EVERY_MS:
            return
        self._partial_ms = self._decoded_ms
        text = self._text()
        if text and text != self._partial:
            self._partial = text
            yield Transcript(text, False, self._start_ms, self._start_ms + self._decoded_ms)

    def _end_utterance(self) -> Iterator[Transcript]:
        if not self._speaking:
            return
        self._speaking = False
        self._decoder.end_utt()
        text = self._text()
        words = [word for word in self._decoder.seg() if not word.word.startswith(("<", "["))]
        if not text or not words:
            return  # a noise without words
        start_ms = self._start_ms + words[0].start_frame * _DECODER_FRAME_MS
        spoken_ms = (words[-1].end_frame + 1) * _DECODER_FRAME_MS
        yield Transcript(text, True, start_ms, self._start_ms + min(spoken_ms, self._decoded_ms))

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return "" if hypothesis is None else _PRONOUN.sub("I", hypothesis.hypstr.strip())
