"""WAV writer: 16-bit mono PCM, valid after every write."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Final

from client.sound.outputs import DescriptorOutput, write_error

# Longer gaps are shortened to this, so that no message can make the file arbitrarily large.
MAX_SILENCE_MS = 30_000
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
# Size that readers of a stream take as "until the end".
_UNKNOWN: Final = 0xFFFF_FFFF


class WavWriter:
    """Writes 16-bit mono PCM to a WAV file; a context manager.

    A regular file is a valid WAV after every write. A FIFO or device gets a stream header without
    length. Raises SoundError if the file cannot be created, OSError if it cannot be written.
    """

    def __init__(
        self, path: Path, sample_rate: int, output: DescriptorOutput | None = None
    ) -> None:
        self._rate = sample_rate
        self._written = 0
        self._output = output or DescriptorOutput(path)
        try:
            self._output.open()
            self._output.write(wav_header(sample_rate, 0 if self._output.regular else None))
        except OSError as fault:
            if output is None:
                self._output.close()
            raise write_error(path, fault) from fault

    def write(self, pcm: bytes) -> None:
        """Append s16le samples."""
        self._output.write(pcm)
        self._written += len(pcm)
        if self._output.regular:
            self._output.overwrite_start(wav_header(self._rate, self._written))

    def silence(self, duration_ms: float) -> None:
        """Append silence, at most MAX_SILENCE_MS of it."""
        self.write(silent_pcm(duration_ms, self._rate))

    def close(self) -> None:
        """Close the file."""
        self._output.close()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def wav_header(sample_rate: int, size: int | None) -> bytes:
    """Return the 44-byte header for `size` bytes of 16-bit mono samples; None for a stream."""
    data = _UNKNOWN if size is None else min(size, _UNKNOWN)
    riff = min(data + _HEADER.size - 8, _UNKNOWN)
    return _HEADER.pack(
        *(b"RIFF", riff, b"WAVE"),
        *(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
        *(b"data", data),
    )


def silent_pcm(duration_ms: float, sample_rate: int) -> bytes:
    """Return silence as s16le, at most MAX_SILENCE_MS."""
    return bytes(2 * round(min(duration_ms, MAX_SILENCE_MS) * sample_rate / 1000))
