"""Sine tones as s16le samples."""

from __future__ import annotations

import math
import sys
from array import array
from functools import lru_cache


def tone(duration_ms: float, sample_rate: int, *, hertz: int, peak: int) -> bytes:
    """A sine tone of a whole number of Hz."""
    size = 2 * round(duration_ms * sample_rate / 1000)
    second = _second(sample_rate, hertz, peak)
    return (second * (size // len(second) + 1))[:size]


@lru_cache(32)
def _second(sample_rate: int, hertz: int, peak: int) -> bytes:
    """One second of a tone, after which it repeats."""
    step = 2 * math.pi * hertz / sample_rate
    samples = array("h", [round(peak * math.sin(step * n)) for n in range(sample_rate)])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
