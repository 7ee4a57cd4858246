"""The interface of sample readers, and the reader of PCM frames."""

from __future__ import annotations

from typing import Protocol

from client.errors import SoundError
from client.sound.encodings import PCM, Decoder, Encoding, Samples
from client.sound.inputs import ByteInput


class SampleReader(Protocol):
    """Reads samples between -1.0 and 1.0: one row per frame, one column per channel."""

    @property
    def sample_rate(self) -> int:
        """Frames per second."""

    @property
    def channels(self) -> int:
        """Columns."""

    @property
    def frames(self) -> int | None:
        """Number of frames, if known for certain."""

    def read(self, frames: int) -> Samples:
        """Read the next frames; fewer only at the end. Raises SoundError."""

    def close(self) -> None:
        """Release what is held."""


def empty_sound_error() -> SoundError:
    """Return the error for an input without sound."""
    return SoundError("contains no sound; record something first")


class PcmReader:
    """Reader of encoded frames without header, of up to `length` bytes if given."""

    def __init__(self, source: ByteInput, encoding: Encoding, length: int | None = None) -> None:
        self._input = source
        self._encoding = encoding
        self._decoder = Decoder(encoding)
        self._left = length

    @property
    def sample_rate(self) -> int:
        """Frames per second."""
        return self._encoding.sample_rate

    @property
    def channels(self) -> int:
        """Columns."""
        return self._encoding.channels

    @property
    def frames(self) -> int | None:
        """Number of remaining frames; None for an input that may be live."""
        remaining = self._input.remaining
        if remaining is None:
            return None
        size = remaining if self._left is None else min(self._left, remaining)
        return size // self._encoding.frame_bytes

    def read(self, frames: int) -> Samples:
        """Read the next frames; an incomplete frame at the end is dropped."""
        frame_bytes = self._encoding.frame_bytes
        size = frames * frame_bytes
        if self._left is not None:
            size = min(size, self._left)
            self._left -= size
        data = self._input.read(size)
        return self._decoder.decode(data[: len(data) // frame_bytes * frame_bytes])

    def close(self) -> None:
        """Do nothing: the caller closes the input."""


def raw_reader(source: ByteInput, sample_rate: int) -> PcmReader:
    """Return a reader of raw s16le mono samples."""
    return PcmReader(source, Encoding(PCM, channels=1, sample_rate=sample_rate, width=2, bits=16))
