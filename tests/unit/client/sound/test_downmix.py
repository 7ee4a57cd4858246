"""Downmix: every channel stays audible, at its own level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sound.conversion import block_frames
from client.sound.downmix import Downmix
from client.sound.encodings import Samples
from tests.unit.client.sounds import speechlike

RATE = 16_000
VOICE = speechlike(3 * RATE)
OTHER = speechlike(3 * RATE, seed=2)
SILENCE = np.zeros_like(VOICE)


def mixed(*channels: Samples, rate: int = RATE) -> Samples:
    samples = np.column_stack(channels)
    downmix, size = Downmix(samples.shape[1], rate), block_frames(rate)
    blocks = [samples[at : at + size] for at in range(0, len(samples), size)]
    return np.concatenate([downmix.mix(block) for block in blocks])


def level_db(samples: Samples, reference: Samples) -> float:
    return float(10 * np.log10(np.mean(samples**2) / np.mean(reference**2)))


def test_one_channel_is_left_as_it_is() -> None:
    assert mixed(VOICE).tolist() == VOICE.tolist()


@pytest.mark.parametrize(
    "channels",
    [(VOICE, SILENCE), (SILENCE, VOICE), (VOICE, VOICE), (SILENCE, VOICE, SILENCE, SILENCE)],
    ids=["left", "right", "both", "third of four"],
)
def test_a_voice_in_one_channel_or_alike_in_all_is_the_voice(
    channels: tuple[Samples, ...],
) -> None:
    assert np.abs(mixed(*channels) - VOICE).max() < 1e-12


def test_a_voice_in_antiphase_is_heard_from_its_first_sample_on() -> None:
    assert np.abs(np.abs(mixed(VOICE, -VOICE)) - np.abs(VOICE)).max() < 1e-12


def test_full_scale_alike_in_both_is_not_clipped() -> None:
    loud = VOICE / np.abs(VOICE).max()
    assert np.abs(mixed(loud, loud)).max() <= 1.0 + 1e-12


def test_voices_that_have_nothing_in_common_keep_the_level_of_the_louder() -> None:
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 3 * RATE))
    assert abs(level_db(mixed(*noise), noise[0])) < 1.0
    assert abs(level_db(mixed(noise[0], 0.3 * noise[1]), noise[0])) < 1.0


def test_two_who_take_turns_on_a_channel_each_are_both_at_full_level() -> None:
    turns = (np.arange(len(VOICE)) // RATE) % 2 == 0
    left, right = np.where(turns, VOICE, 0), np.where(turns, 0, OTHER)
    result = mixed(left, right)
    for second in range(3):
        part = slice(second * RATE, (second + 1) * RATE)
        assert abs(level_db(result[part], (left + right)[part])) < 0.5


def test_a_dc_offset_does_not_count_as_sound() -> None:
    offset = np.full_like(VOICE, 0.4)
    assert abs(level_db(mixed(VOICE, offset) - mixed(VOICE, offset).mean(), VOICE)) < 1.0


@pytest.mark.parametrize("before", [VOICE, OTHER], ids=["same voice", "another"])
def test_a_phase_inversion_is_followed_without_a_click(before: Samples) -> None:
    left = np.concatenate([before, VOICE])
    right = np.concatenate([before, -VOICE])
    result = mixed(left, right)
    settled = result[len(before) + RATE // 2 :]
    assert abs(level_db(settled, VOICE[RATE // 2 :])) < 1.0


def test_weights_fade_without_a_step() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(4 * RATE) / RATE)
    half = np.arange(len(tone)) < 2 * RATE
    steepest = np.abs(np.diff(tone)).max()
    fades = mixed(tone, np.where(half, tone, -tone))
    assert np.abs(np.diff(fades)).max() < 2.5 * steepest


def test_wide_stereo_is_not_inverted() -> None:
    side = 0.6 * OTHER
    result = mixed(VOICE + side, VOICE - side)
    assert level_db(result, VOICE) > -1.0
    together = np.corrcoef(result, VOICE)[0, 1]
    assert together > 0.95


_LEVELS = st.floats(0.05, 1.0)


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.lists(
            st.tuples(st.sampled_from(["voice", "against", "own", "silent"]), _LEVELS),
            min_size=count,
            max_size=count,
        )
    ),
    st.sampled_from([8_000, 44_100, 192_000]),
)
def test_the_level_is_the_loudest_channels_whatever_is_in_the_others(
    kinds: list[tuple[str, float]], rate: int
) -> None:
    frames = 8_000
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, (len(kinds) + 1, frames))
    sounds = {"voice": noise[-1], "against": -noise[-1], "silent": np.zeros(frames)}
    channels = [
        level * sounds.get(kind, noise[number]) for number, (kind, level) in enumerate(kinds)
    ]
    loudest = max(channels, key=lambda channel: float(np.mean(channel**2)))
    result = mixed(*channels, rate=rate)
    if not loudest.any():
        assert not result.any()
    else:
        assert abs(level_db(result, loudest)) < 1.0


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(2, 5))
def test_blocks_of_any_length_give_numbers_within_full_scale(
    lengths: list[int], channels: int
) -> None:
    downmix = Downmix(channels, RATE)
    generator = np.random.default_rng(sum(lengths))
    for length in lengths:
        loudness = generator.choice([0.0, 1e-9, 0.1, 1.0], channels)
        block = generator.uniform(-1, 1, (length, channels)) * loudness
        result = downmix.mix(block)
        assert result.shape == (length,)
        assert np.isfinite(result).all()


@pytest.mark.parametrize("delay_ms", [0.5, 2, 5, 12])
def test_two_microphones_at_a_distance_keep_level_without_clicks(delay_ms: float) -> None:
    """A voice of changing pitch, which such a delay cancels at times."""
    seconds = np.arange(4 * RATE) / RATE
    pitch = 100 + 60 * np.sin(2 * np.pi * 0.7 * seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, 9)[:, np.newaxis]
    voice: Samples = (0.2 / harmonics * np.sin(harmonics * phase)).sum(axis=0)
    far = np.roll(voice, round(delay_ms * RATE / 1000))
    result = mixed(voice, far)
    assert abs(level_db(result, voice)) < 1.5
    assert np.abs(np.diff(result)).max() < 3 * np.abs(np.diff(voice)).max()
