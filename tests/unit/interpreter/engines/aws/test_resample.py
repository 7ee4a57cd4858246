from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter.engines.aws.resample import resample

Samples = npt.NDArray[np.float64]


def tone(rate: int, hertz: float, count: int) -> Samples:
    return 8_000 * np.sin(2 * np.pi * hertz * np.arange(count) / rate)


def of(samples: Samples) -> bytes:
    return samples.astype("<i2").tobytes()


@pytest.mark.parametrize("wanted", [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [100, 1_000, 3_000])
def test_resampling_preserves_a_tone(wanted: int, hertz: float) -> None:
    result = np.frombuffer(resample(of(tone(16_000, hertz, 8_000)), 16_000, wanted), "<i2")
    expected = tone(wanted, hertz, len(result))
    middle = slice(len(result) // 10, -len(result) // 10)

    noise = np.mean((result[middle] - expected[middle]) ** 2)
    assert len(result) == wanted // 2
    assert 10 * np.log10(np.mean(expected[middle] ** 2) / noise) > 50


def test_frequencies_above_the_lower_rate_are_removed() -> None:
    result = np.frombuffer(resample(of(tone(16_000, 6_000, 8_000)), 16_000, 8_000), "<i2")

    assert np.abs(result[200:-200]).max() < 80


def test_full_scale_samples_do_not_overflow() -> None:
    square = of(np.where(tone(16_000, 1_000, 4_000) > 0, 32_767.0, -32_768.0))
    result = np.frombuffer(resample(square, 16_000, 48_000), "<i2")

    # At the maximum and the minimum of the square wave.
    assert result[3 * 4 + 2000 * 3] > 30_000
    assert result[3 * 12 + 2000 * 3] < -30_000


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(8_000, 48_000).filter(lambda rate: rate % 25 == 0))
def test_resampling_keeps_the_duration(pcm: bytes, wanted: int) -> None:
    result = resample(pcm, 16_000, wanted)

    if wanted == 16_000:
        assert result == pcm
    else:
        assert len(result) == len(pcm) // 2 * wanted // 16_000 * 2
