"""Whole recordings in memory, for short sounds such as single sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from client.errors import SoundError
from client.sound.conversion import block_frames, convert, read_blocks
from client.sound.encodings import Samples
from client.sound.formats import open_reader
from client.sound.inputs import ByteInput, MemoryInput, open_path
from client.sound.library import LibraryReader
from client.sound.reader import SampleReader, empty_sound_error
from shared.models.audio_format import AudioFormat

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples between -1.0 and 1.0 (one row per frame, one column per channel) and their rate."""

    samples: Samples
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate


def read_sound(path: Path) -> Sound:
    """Read a sound file of any supported format. Raises SoundError with advice."""
    return _from_file(path, _whole)


def parse_sound(content: bytes) -> Sound:
    """Parse the content of a WAV file. Raises SoundError."""
    return _whole(_reader(MemoryInput(content)))


def load_pcm(path: Path, audio_format: AudioFormat) -> bytes:
    """Load a file as s16le mono samples at the session's rate. Raises SoundError."""

    def converted_whole(reader: SampleReader) -> bytes:
        pcm = b"".join(convert(read_blocks(reader), reader.sample_rate, audio_format))
        if not pcm:
            raise empty_sound_error()
        return pcm

    return _from_file(path, converted_whole)


def to_pcm(sound: Sound, audio_format: AudioFormat) -> bytes:
    """Convert a sound to s16le mono at the session's rate. Raises SoundError if not PCM."""
    size = block_frames(sound.sample_rate)
    blocks = (sound.samples[start : start + size] for start in range(0, len(sound.samples), size))
    return b"".join(convert(blocks, sound.sample_rate, audio_format))


def _from_file(path: Path, use: Callable[[SampleReader], _Result]) -> _Result:
    source = open_path(str(path))
    with contextlib.closing(source):
        try:
            with contextlib.closing(_reader(source)) as reader:
                return use(reader)
        except SoundError as fault:
            raise SoundError(f"{path}: {fault}") from fault


def _reader(source: ByteInput) -> SampleReader:
    return open_reader(source, may_be_raw=False) or LibraryReader(source)


def _whole(reader: SampleReader) -> Sound:
    blocks = list(read_blocks(reader))
    if not blocks:
        raise empty_sound_error()
    return Sound(np.concatenate(blocks), reader.sample_rate)
