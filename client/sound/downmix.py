"""Downmix of several channels to mono that keeps every channel audible.

A mean attenuates a signal in one channel only (-6 dB of two) and cancels signals of opposite sign.
Here the channels are summed, each with the sign that aligns them, and the sum is scaled to the
level of the loudest channel. Signs and gain follow the measured energy slowly.
"""

from __future__ import annotations

import numpy as np

from client.sound.encodings import Samples

# Time constant of the measurements.
_MEMORY_SECONDS = 0.4
# Channels with a lower correlation have opposite signs. True stereo is far above.
_OPPOSITE = -0.7
_MAX_GAIN = 2.0
# Gain recovery after a peak.
_RELEASE_DB_PER_SECOND = 8.0
_FULL = 1.0 + 1e-9


class Downmix:
    """Mixes blocks of about 20 ms at `sample_rate`."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._channels = channels
        self._sample_rate = sample_rate
        self._signs = np.ones(channels)
        self._weights: Samples | None = None  # None until the first sound decides
        self._covariance = np.zeros((channels, channels))
        self._loudest_energy = 0.0
        self._mixed_energy = 0.0
        self._ceiling = 1.0

    def mix(self, block: Samples) -> Samples:
        """Mix a block to one channel."""
        if self._channels == 1:
            return block[:, 0]
        seconds = len(block) / self._sample_rate
        self._measure(block, np.exp(-seconds / _MEMORY_SECONDS))
        if self._mixed_energy == 0.0:
            return _mean(block)  # no sound yet to measure
        gain = min(np.sqrt(self._loudest_energy / self._mixed_energy), _MAX_GAIN)
        self._ceiling = min(self._ceiling * 10 ** (_RELEASE_DB_PER_SECOND * seconds / 20), 1.0)
        before = self._weights
        weights = self._signs * gain * self._ceiling
        mixed = _ramped(block, before, weights)
        peak = float(np.abs(mixed).max())
        if peak > _FULL:
            self._ceiling /= peak
            weights = weights / peak
            mixed = _ramped(block, before, weights)
        self._weights = weights
        return mixed

    def _measure(self, block: Samples, keep: float) -> None:
        centred = block - block.mean(axis=0)  # without DC offset
        covariance = centred.T @ centred / self._sample_rate
        self._covariance = keep * self._covariance + covariance
        if self._weights is None:
            self._initialize_signs()
        else:
            self._update_signs()
        # The loudest channel of this block: two speakers who take turns are both at full level.
        self._loudest_energy = keep * self._loudest_energy + float(covariance.diagonal().max())
        mixed = float(self._signs @ covariance @ self._signs)
        self._mixed_energy = keep * self._mixed_energy + max(mixed, 0.0)

    def _initialize_signs(self) -> None:
        """Choose the signs, from the loudest channel to the quietest."""
        order = np.argsort(-self._covariance.diagonal(), kind="stable")
        signs = np.zeros(self._channels)
        signs[order[0]] = 1.0
        for channel in order[1:]:
            together = float(signs @ self._covariance[:, channel])
            ours = float(signs @ self._covariance @ signs)
            energy = ours * float(self._covariance[channel, channel])
            opposite = energy > 0 and together < _OPPOSITE * np.sqrt(energy)
            signs[channel] = -1.0 if opposite else 1.0
        self._signs = signs

    def _update_signs(self) -> None:
        """Flip channels that now oppose the loudest one."""
        energies = self._covariance.diagonal()
        loudest = int(energies.argmax())
        agreement = self._signs * self._covariance[:, loudest] * self._signs[loudest]
        limits = _OPPOSITE * np.sqrt(energies * energies[loudest])
        self._signs = np.where(agreement < limits, -self._signs, self._signs)


def _mean(block: Samples) -> Samples:
    mean: Samples = block.mean(axis=1)
    return mean


def _ramped(block: Samples, before: Samples | None, after: Samples) -> Samples:
    """Return the weighted sum, with weights that fade from `before` to `after`."""
    if before is None or np.array_equal(before, after):
        return block @ after
    way = np.linspace(0.0, 1.0, len(block), endpoint=False)[:, np.newaxis]
    mixed: Samples = (block * (before + (after - before) * way)).sum(axis=1)
    return mixed
