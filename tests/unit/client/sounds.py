"""Sound files for tests: WAV byte by byte, other formats by libsndfile."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


def chunk(name: bytes, body: bytes, *, size: int | None = None, pad: bool = True) -> bytes:
    """A chunk of a RIFF file that claims `size`."""
    claimed = len(body) if size is None else size
    return name + struct.pack("<I", claimed) + body + bytes(len(body) % 2 if pad else 0)


def riff(*chunks: bytes, size: int | None = None, kind: bytes = b"RIFF") -> bytes:
    """A WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body) if size is None else size) + body


def fmt(
    tag: int = PCM,
    *,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    width: int | None = None,
    valid_bits: int | None = None,
) -> bytes:
    """A format chunk; with `valid_bits` an extensible one."""
    frame = channels * (width or -(-bits // 8))
    extension = b""
    if valid_bits is not None:
        extension = struct.pack("<HHIH", 22, valid_bits, 0, tag) + _GUID_TAIL
        tag = EXTENSIBLE
    fields = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
    return chunk(b"fmt ", fields + extension)


def wav(data: bytes, *before: bytes, size: int | None = None, **format_fields: Any) -> bytes:
    """A WAV file with this data; `size` is what the data chunk claims."""
    return riff(*before, fmt(**format_fields), chunk(b"data", data, size=size))


def s16(samples: npt.ArrayLike) -> bytes:
    """Integers as s16le."""
    return np.asarray(samples).astype("<i2").tobytes()


def speechlike(frames: int, rate: int = 16_000, seed: int = 1) -> npt.NDArray[np.float64]:
    """Noise under an envelope of syllables, within ±0.5."""
    noise = np.random.default_rng(seed).uniform(-1, 1, frames)
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(frames) / rate + seed)
    return 0.5 * noise * envelope


def encoded(
    samples: npt.NDArray[np.float64], rate: int, kind: str, subtype: str | None = None
) -> bytes:
    """A file in a format of libsndfile's."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()
