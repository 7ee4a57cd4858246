"""Conversion of samples to the chunks of a session, block by block."""

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
    """Return the number of frames in a block: 20 ms, at least one."""
    return max(sample_rate // _BLOCKS_PER_SECOND, 1)


def convert(blocks: Iterator[Samples], sample_rate: int, to: AudioFormat) -> Iterator[bytes]:
    """Convert blocks of frames to s16le mono at the session's rate.

    16-bit mono samples at that rate are unchanged. Raises SoundError if the session is not PCM:
    the client has no opus encoder.
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
    """Convert samples between -1.0 and 1.0 to s16le; louder ones are clipped."""
    scaled = np.rint(samples * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()


def read_blocks(reader: SampleReader) -> Iterator[Samples]:
    """Read a reader to its end. Raises SoundError."""
    frames = block_frames(reader.sample_rate)
    while len(block := reader.read(frames)):
        yield block


def to_chunks(pcm: Iterator[bytes], audio_format: AudioFormat) -> Iterator[bytes]:
    """Regroup bytes into chunks of chunkMs; the last may be shorter."""
    size = audio_format.chunk_bytes
    waiting = bytearray()
    for part in pcm:
        waiting += part
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield pad_last_chunk(bytes(waiting), audio_format)
