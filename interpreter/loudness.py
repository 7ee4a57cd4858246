"""Loudness of PCM samples."""

from __future__ import annotations

import math
import struct

# Every so many samples tell how loud a sound is.
_SAMPLED = 8


def loudness(pcm: bytes) -> float:
    """The root mean square of s16le samples, roughly; 0.0 of none."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm[: len(pcm) // 2 * 2])[::_SAMPLED]
    if not samples:
        return 0.0
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))
