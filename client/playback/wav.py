"""WAV files as they are written: 16-bit mono PCM, complete after every write."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Final

from client.sound.outputs import DescriptorOutput, write_error

# A longer gap is shortened to this, so that no message can make the file arbitrarily large.
MAX_SILENCE_MS = 30_000
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
# What readers of a stream take for "until the end".
_UNKNOWN: Final = 0xFFFF_FFFF


class WavWriter:
    """Writes 16-bit mono PCM to a WAV file; a context manager.

    A regular file is a complete WAV after every write, whatever happens next. A FIFO or device
    gets the header of a stream, whose length is unknown. Raises SoundError if the file cannot be
    created, OSError if it cannot be written.
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
    """44 bytes, for so many bytes of 16-bit mono samples; None for a stream."""
    data = _UNKNOWN if size is None else min(size, _UNKNOWN)
    riff = min(data + _HEADER.size - 8, _UNKNOWN)
    return _HEADER.pack(
        *(b"RIFF", riff, b"WAVE"),
        *(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
        *(b"data", data),
    )


def silent_pcm(duration_ms: float, sample_rate: int) -> bytes:
    """So much silence as s16le, at most MAX_SILENCE_MS of it."""
    return bytes(2 * round(min(duration_ms, MAX_SILENCE_MS) * sample_rate / 1000))
