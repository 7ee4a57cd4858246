"""Splitting of samples into chunks, with the standard library only."""

from __future__ import annotations

from collections.abc import Iterator

from shared.models.audio_format import AudioFormat
from shared.utils.validators import MIN_AUDIO_CHUNK_BYTES


def chunks(pcm: bytes, audio_format: AudioFormat) -> Iterator[bytes]:
    """Split samples into chunks of chunkMs; the last may be shorter."""
    size = audio_format.chunk_bytes
    for start in range(0, len(pcm), size):
        yield pad_last_chunk(pcm[start : start + size], audio_format)


def pad_last_chunk(chunk: bytes, audio_format: AudioFormat) -> bytes:
    """Cut a last chunk to whole samples and pad it with zeros to the minimum of 100 B."""
    frame = audio_format.frame_bytes
    whole = chunk[: len(chunk) // frame * frame]
    return whole.ljust(MIN_AUDIO_CHUNK_BYTES, b"\0")
