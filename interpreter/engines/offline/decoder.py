"""Decoder process: `python -m interpreter.engines.offline.decoder RATE`.

Reads commands from standard input and writes reports to standard output.

The decoder is C code that holds the GIL for a chunk at a time and may crash. In a process of its
own, it can neither block nor kill the event loop that carries the session's audio.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterable

import numpy as np
import soxr

from interpreter.engines.offline.utterances import (
    SAMPLE_RATE,
    SpeechDecoder,
    Utterances,
    new_decoder,
)
from interpreter.engines.offline.wire import Command, CommandReader, Done, Ready, Transcript, line

# Time without audio that ends an utterance: the speaker is muted or has paused.
_IDLE_SECONDS = 1.5
_READ_BYTES = 1 << 16


class DecodingSession:
    """Resamples a session's audio for the decoder, and finds utterances in it."""

    def __init__(self, decoder: SpeechDecoder, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._utterances = Utterances(decoder)
        self._samples = 0
        self._resampler = self._new_resampler()

    def hear(self, pcm: bytes) -> Iterable[Transcript]:
        """Process s16le samples."""
        self._samples += len(pcm) // 2
        return self._utterances.hear(self._resampled(pcm, last=False))

    def end(self) -> Iterable[Transcript]:
        """End the current stretch of audio. Later audio starts a new one."""
        yield from self._utterances.hear(self._resampled(b"", last=True))
        yield from self._utterances.end(self._samples / self._sample_rate * 1000)
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> soxr.ResampleStream | None:
        if self._sample_rate == SAMPLE_RATE:
            return None
        return soxr.ResampleStream(self._sample_rate, SAMPLE_RATE, 1, dtype="int16", quality="MQ")

    def _resampled(self, pcm: bytes, *, last: bool) -> bytes:
        if self._resampler is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16)
        resampled: bytes = self._resampler.resample_chunk(samples, last=last).tobytes()
        return resampled


def serve(source: int, sink: int, session: DecodingSession) -> None:
    """Execute commands from the descriptor `source` until FINISH or end of file."""
    commands = CommandReader()
    heard = False
    while True:
        idle = _IDLE_SECONDS if heard else None
        if not select.select([source], [], [], idle)[0]:
            _report(sink, session.end())
            heard = False
            continue
        data = os.read(source, _READ_BYTES)
        if not data:
            return  # the parent process is gone
        for command, payload in commands.feed(data):
            heard = command is Command.SOUND
            _report(sink, session.hear(payload) if heard else session.end())
            _write(sink, line(Done()))
            if command is Command.FINISH:
                return


def _report(sink: int, results: Iterable[Transcript]) -> None:
    for spoken in results:
        _write(sink, line(spoken))


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]


def main() -> None:
    """Serve standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    sink = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # keep other output out of the reports
    try:
        session = DecodingSession(new_decoder(), int(sys.argv[1]))
        _write(sink, line(Ready()))
        serve(sys.stdin.fileno(), sink, session)
    except BrokenPipeError:
        return  # the parent process is gone


if __name__ == "__main__":
    main()
