"""From samples as they are read to the chunks of a session, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr

from client.errors import SoundError
from client.sound.chunks import pad_last_chunk
from client.sound.downmix import Downmix
from client.sound.encodings import Samples
from client.sound.reader import SampleReader
from shared.models.audio_format import AudioFormat

FULL_SCALE = 32_768
_BLOCKS_PER_SECOND = 50


def block_frames(sample_rate: int) -> int:
    """How many frames are read at once: 20 ms, and at least one."""
    return max(sample_rate // _BLOCKS_PER_SECOND, 1)


def convert(blocks: Iterator[Samples], sample_rate: int, to: AudioFormat) -> Iterator[bytes]:
    """Blocks of frames as s16le mono at the session's rate.

    16-bit mono samples at that rate come out exactly as they were. Raises SoundError for a
    session that is not PCM: there is no opus encoder here.
    """
    if not to.is_pcm:
        raise SoundError(f"the session's audio is {to.encoding}, which this client cannot encode")
    resampler = (
        None
        if sample_rate == to.sample_rate
        else soxr.ResampleStream(sample_rate, to.sample_rate, 1, dtype="float64", quality="HQ")
    )
    downmix: Downmix | None = None
    for block in blocks:
        downmix = downmix or Downmix(block.shape[1], sample_rate)
        mono = downmix.mix(block)
        yield to_s16le(mono if resampler is None else resampler.resample_chunk(mono))
    if resampler is not None:
        yield to_s16le(resampler.resample_chunk(np.zeros(0), last=True))


def to_s16le(samples: Samples) -> bytes:
    """Samples between -1.0 and 1.0 as 16-bit integers; what is louder is clipped."""
    scaled = np.rint(samples * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()


def read_blocks(reader: SampleReader) -> Iterator[Samples]:
    """All that a reader has. Raises SoundError."""
    frames = block_frames(reader.sample_rate)
    while len(block := reader.read(frames)):
        yield block


def to_chunks(pcm: Iterator[bytes], audio_format: AudioFormat) -> Iterator[bytes]:
    """Bytes of any length as chunks of chunkMs; the last may be shorter."""
    size = audio_format.chunk_bytes
    waiting = bytearray()
    for part in pcm:
        waiting += part
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield pad_last_chunk(bytes(waiting), audio_format)
