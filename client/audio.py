"""From any sound to the samples of a session, and back to what a listener hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from client.errors import SoundError
from client.wav import Sound, read_wav
from shared.models.audio_format import AudioFormat

_FULL_SCALE = 32_768


def load_pcm(path: Path, audio_format: AudioFormat) -> bytes:
    """A WAV file as s16le mono samples at the session's rate. Raises SoundError."""
    return to_pcm(read_wav(path), audio_format)


def to_pcm(sound: Sound, audio_format: AudioFormat) -> bytes:
    """The sound mixed to mono, resampled to the session's rate, as s16le.

    16-bit mono sound at that rate comes out exactly as it was. Raises SoundError for a session
    that is not PCM: there is no opus encoder here.
    """
    if not audio_format.is_pcm:
        raise SoundError(
            f"the session's audio is {audio_format.encoding}, which this client cannot encode"
        )
    mono: npt.NDArray[np.float64] = sound.samples.mean(axis=1)
    if sound.sample_rate != audio_format.sample_rate:
        mono = soxr.resample(mono, sound.sample_rate, audio_format.sample_rate, quality="HQ")
    return _to_s16le(mono)


def _to_s16le(samples: npt.NDArray[np.float64]) -> bytes:
    scaled = np.rint(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()


def at_volume(pcm: bytes, volume: float) -> bytes:
    """s16le samples at `volume` 0.0-1.0; at 1.0 untouched (PROTOCOL rule 6)."""
    if volume == 1.0:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / _FULL_SCALE
    return _to_s16le(samples * volume)
