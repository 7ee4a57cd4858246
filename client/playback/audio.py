"""Playback volume."""

from __future__ import annotations

import numpy as np

from client.sound.conversion import FULL_SCALE, to_s16le


def at_volume(pcm: bytes, volume: float) -> bytes:
    """Scale s16le samples by `volume` 0.0-1.0; unchanged at 1.0 (PROTOCOL rule 9)."""
    if volume == 1.0:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / FULL_SCALE
    return to_s16le(samples * volume)
