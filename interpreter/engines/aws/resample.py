"""Speech at another sample rate, without numpy, which the functions do not have.

A windowed sinc, evaluated only at the phases that two rates have to each other, one tap at a time
over whole slices: three seconds from 16 to 48 kHz take some 0.1 s.
"""

from __future__ import annotations

import math
import sys
from array import array
from functools import lru_cache

# Zero crossings of the sinc on each side. Speech of Polly has little above 7 kHz.
_CROSSINGS = 8
# The pass band ends a little below the lower rate's half, where the window's slope begins.
_ROLL_OFF = 0.92
_LOWEST, _HIGHEST = -32_768, 32_767


def resample(pcm: bytes, rate: int, wanted: int) -> bytes:
    """s16le samples at `rate` Hz as samples at `wanted` Hz, of the same duration."""
    if rate == wanted or not pcm:
        return pcm
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    divisor = math.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    filters, reach = _filters(up, down)
    # Beyond its ends the sound is silent.
    padded = [0.0] * reach + [float(sample) for sample in samples] + [0.0] * (reach + down + 1)
    out = array("h", bytes(2 * (len(samples) * up // down)))
    for phase, taps in enumerate(filters):
        count = len(range(phase, len(out), up))
        if count:
            out[phase::up] = _filtered(padded, phase * down // up, down, count, taps)
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()


def _filtered(
    padded: list[float], start: int, step: int, count: int, taps: tuple[float, ...]
) -> array[int]:
    """`count` samples, each of them the taps over what begins `step` after the one before."""
    end = (count - 1) * step + 1
    sums = [0.0] * count
    for offset, tap in enumerate(taps, start):
        slice_ = padded[offset : offset + end : step]
        sums = [total + tap * sample for total, sample in zip(sums, slice_, strict=True)]
    return array("h", [min(max(round(total), _LOWEST), _HIGHEST) for total in sums])


@lru_cache(8)
def _filters(up: int, down: int) -> tuple[tuple[tuple[float, ...], ...], int]:
    """For each phase its taps, and how many samples they reach to each side."""
    cutoff = _ROLL_OFF * min(1.0, up / down)
    reach = math.ceil(_CROSSINGS / cutoff)
    filters = []
    for phase in range(up):
        fraction = phase * down % up / up
        taps = [_tap(fraction - offset, cutoff, reach) for offset in range(-reach, reach + 1)]
        total = sum(taps)
        filters.append(tuple(tap / total for tap in taps))
    return tuple(filters), reach


def _tap(distance: float, cutoff: float, reach: int) -> float:
    """A sinc under a Hann window, at `distance` samples from its middle."""
    width = reach + 1
    if abs(distance) >= width:
        return 0.0
    window = 0.5 + 0.5 * math.cos(math.pi * distance / width)
    angle = math.pi * cutoff * distance
    return window * (math.sin(angle) / angle if angle else 1.0)
