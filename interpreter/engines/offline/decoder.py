"""The decoder process: `python -m interpreter.engines.offline.decoder RATE`.

Commands come in on standard input, reports go out on standard output.

Decoding is C code that holds the interpreter's lock for a chunk at a time, and may crash; the
event loop that carries the session's sound must not wait for it, nor die with it.
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
from interpreter.engines.offline.wire import Command, Commands, Ready, Spoken, Taken, line

# Without sound for so long, whoever spoke was muted or has paused: the utterance is over.
_IDLE_SECONDS = 1.5
_READ_BYTES = 1 << 16


class DecodingSession:
    """Sound at the session's rate, as the decoder takes it, and utterances at its positions."""

    def __init__(self, decoder: SpeechDecoder, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._utterances = Utterances(decoder)
        self._samples = 0
        self._resampler = self._new_resampler()

    def hear(self, pcm: bytes) -> Iterable[Spoken]:
        """Take in s16le samples."""
        self._samples += len(pcm) // 2
        return self._utterances.hear(self._resampled(pcm, last=False))

    def end(self) -> Iterable[Spoken]:
        """No sound follows here; what comes later is something else."""
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


def serve(source: int, sink: int, ear: DecodingSession) -> None:
    """Carry out what comes from the descriptor `source` until FINISH or its end."""
    commands = Commands()
    heard = False
    while True:
        idle = _IDLE_SECONDS if heard else None
        if not select.select([source], [], [], idle)[0]:
            _report(sink, ear.end())
            heard = False
            continue
        data = os.read(source, _READ_BYTES)
        if not data:
            return  # whoever asked is gone
        for command, payload in commands.feed(data):
            heard = command is Command.SOUND
            _report(sink, ear.hear(payload) if heard else ear.end())
            _write(sink, line(Taken()))
            if command is Command.FINISH:
                return


def _report(sink: int, results: Iterable[Spoken]) -> None:
    for spoken in results:
        _write(sink, line(spoken))


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]


def main() -> None:
    """Serve standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it
    sink = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else is written among the reports
    try:
        ear = DecodingSession(new_decoder(), int(sys.argv[1]))
        _write(sink, line(Ready()))
        serve(sys.stdin.fileno(), sink, ear)
    except BrokenPipeError:
        return  # whoever asked is gone


if __name__ == "__main__":
    main()
