"""What a listener hears: the volume of s16le samples."""

from __future__ import annotations

import numpy as np

from client.sound.conversion import FULL_SCALE, to_s16le


def at_volume(pcm: bytes, volume: float) -> bytes:
    """s16le samples at `volume` 0.0-1.0; at 1.0 untouched (PROTOCOL rule 9)."""
    if volume == 1.0:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / FULL_SCALE
    return to_s16le(samples * volume)
