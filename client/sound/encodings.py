"""Decoding of WAV sample encodings to floating point between -1.0 and 1.0."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from client.errors import SoundError

Samples = npt.NDArray[np.float64]

PCM: Final = 0x0001
FLOAT: Final = 0x0003
_A_LAW: Final = 0x0006
_MU_LAW: Final = 0x0007
_EXTENSIBLE: Final = 0xFFFE
_24_BITS = 2**23


class UnsupportedEncodingError(SoundError):
    """An encoding that this module does not decode; libsndfile may."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Content of a `fmt ` chunk; `width` is the bytes per sample, `bits` the valid bits."""

    tag: int
    channels: int
    sample_rate: int
    width: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes per frame: one sample of each channel."""
        return self.channels * self.width


def parse_format(body: bytes) -> Encoding:
    """Parse a `fmt ` chunk. Raises SoundError, or UnsupportedEncodingError for other encodings."""
    if len(body) < 16:
        raise SoundError("damaged: the description of its format is too short")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    container, valid = bits, bits
    if tag == _EXTENSIBLE:
        if len(body) < 26:
            raise SoundError("damaged: the description of its format is too short")
        (valid,) = struct.unpack_from("<H", body, 18)
        (tag,) = struct.unpack_from("<H", body, 24)  # the first field of the subformat's GUID
        valid = valid if 0 < valid <= container else container
    if channels == 0 or rate == 0:
        raise SoundError("damaged: it claims to have no channels or no sample rate")
    # The frame size decides: 24-bit samples may take 3 or 4 bytes.
    width = -(-bits // 8)
    if frame_bytes and frame_bytes % channels == 0 and frame_bytes // channels >= width:
        width = frame_bytes // channels
    supported = {PCM: bits > 0 and width <= 4, FLOAT: bits in {32, 64} and width == bits // 8}
    if not supported.get(tag, tag in {_A_LAW, _MU_LAW} and width == 1):
        raise UnsupportedEncodingError(f"encoding {tag:#06x} with {bits} bits")
    return Encoding(tag, channels, rate, width, valid)


class Decoder:
    """Decodes blocks of whole frames."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        # Whether 24-bit samples use the lower bits of 32, against the specification; None until
        # the first non-zero samples.
        self._low: bool | None = None if self._is_24_in_32 else False

    @property
    def _is_24_in_32(self) -> bool:
        encoding = self._encoding
        return (encoding.tag, encoding.width, encoding.bits) == (PCM, 4, 24)

    def decode(self, data: bytes) -> Samples:
        """Decode to one row per frame and one column per channel; NaN becomes silence."""
        return sanitize(self._samples(data).reshape(-1, self._encoding.channels))

    def _samples(self, data: bytes) -> Samples:
        encoding = self._encoding
        if encoding.tag == FLOAT:
            with np.errstate(invalid="ignore"):  # signalling NaNs are sanitized as well
                return np.frombuffer(data, dtype=f"<f{encoding.width}").astype(np.float64)
        if encoding.tag in _COMPANDED:
            return _COMPANDED[encoding.tag][np.frombuffer(data, dtype=np.uint8)]
        if encoding.width == 1:  # the only unsigned kind
            return (np.frombuffer(data, dtype=np.uint8).astype(np.float64) - 128) / 128
        # Put the bytes into the upper ones of 32-bit samples, to keep the sign.
        wide = np.zeros((len(data) // encoding.width, 4), dtype=np.uint8)
        wide[:, 4 - encoding.width :] = np.frombuffer(data, dtype=np.uint8).reshape(
            -1, encoding.width
        )
        integers = wide.view("<i4")[:, 0]
        if self._low is None and integers.any():
            self._low = _stands_low(integers)
        return integers.astype(np.float64) / (_24_BITS if self._low else 2**31)


def sanitize(samples: Samples) -> Samples:
    """Replace NaN and infinity, and clip to full scale."""
    return np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0)


def _stands_low(integers: npt.NDArray[np.int32]) -> bool:
    """Return whether 24-bit samples use the lower bits of 32: lowest byte used, and all fit."""
    uses_lowest_byte = bool((integers & 0xFF).any())
    return uses_lowest_byte and bool(((integers >= -_24_BITS) & (integers < _24_BITS)).all())


def _mu_law_table() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return np.where(code & 0x80, -magnitude, magnitude) / 8192


def _a_law_table() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(
        exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude) / 4096


# ITU-T G.711, tables 1 and 2.
_COMPANDED: Final = {_A_LAW: _a_law_table(), _MU_LAW: _mu_law_table()}
