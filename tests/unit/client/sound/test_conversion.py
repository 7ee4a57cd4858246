"""Mixing, resampling and chunking: by blocks as in one go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from client.errors import SoundError
from client.playback.audio import at_volume
from client.playback.wav import WavWriter
from client.sound.chunks import chunks
from client.sound.conversion import to_chunks
from client.sound.encodings import Samples
from client.sound.whole import Sound, load_pcm, to_pcm
from shared.models.audio_format import AudioFormat
from shared.utils.validators import validate_audio_chunk_size
from tests.unit.client.sounds import speechlike

FORMAT = AudioFormat()


def _sound(samples: Samples, rate: int = 16_000) -> Sound:
    return Sound(samples.reshape(len(samples), -1).astype(np.float64), rate)


def _integers(pcm: bytes) -> list[int]:
    return [int(sample) for sample in np.frombuffer(pcm, "<i2")]


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=1_000), st.booleans())
def test_16_bits_at_the_sessions_rate_stay_as_they_are(samples: list[int], stereo: bool) -> None:
    pcm = np.array(samples, dtype="<i2").tobytes()
    mono = np.array(samples) / 32_768
    assert to_pcm(_sound(np.column_stack([mono] * (1 + stereo))), FORMAT) == pcm


def test_a_written_file_is_read_back_sample_for_sample(tmp_path: Path) -> None:
    pcm = np.arange(-32_768, 32_768, dtype="<i4").astype("<i2").tobytes()
    with WavWriter(tmp_path / "a.wav", 16_000) as writer:
        writer.write(pcm)
    assert load_pcm(tmp_path / "a.wav", FORMAT) == pcm


def test_loud_samples_are_clipped() -> None:
    pcm = to_pcm(_sound(np.array([1.0, 3.0, -3.0])), FORMAT)
    assert _integers(pcm) == [32_767, 32_767, -32_768]


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_survives_resampling_without_clicks_between_blocks(rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate)
    pcm = np.frombuffer(to_pcm(_sound(tone, rate), FORMAT), "<i2") / 32_768
    assert abs(len(pcm) - 48_000) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(pcm)) / 16_000)
    middle = slice(2_000, 46_000)
    assert np.abs(pcm[middle] - expected[middle]).max() < 3 / 32_768


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_resampling_by_blocks_equals_resampling_the_whole(rate: int) -> None:
    voice = speechlike(2 * rate + 17, rate)
    pcm = np.frombuffer(to_pcm(_sound(voice, rate), FORMAT), "<i2").astype(int)
    whole = np.rint(soxr.resample(voice, rate, 16_000, quality="HQ") * 32_768).astype(int)
    assert len(pcm) == len(whole)
    assert np.abs(pcm - whole).max() <= 1


def test_an_opus_session_cannot_be_spoken_into() -> None:
    with pytest.raises(SoundError, match="opus"):
        to_pcm(_sound(np.zeros(3)), AudioFormat(encoding="opus"))


@given(
    st.integers(1, 40_000).map(lambda samples: bytes(range(1, 255)) * (2 * samples // 254 + 1)),
    st.integers(1, 20_000),
    st.integers(100, 1000),
    st.sampled_from([8_000, 11_025, 16_000]),
    st.lists(st.integers(0, 5_000), max_size=30),
)
def test_chunks_have_the_size_the_server_accepts(
    source: bytes, samples: int, chunk_ms: int, rate: int, cuts: list[int]
) -> None:
    audio_format = AudioFormat(sample_rate=rate, chunk_ms=chunk_ms)
    pcm = source[: 2 * samples]
    parts = list(chunks(pcm, audio_format))
    assert all(len(part) == audio_format.chunk_bytes for part in parts[:-1])
    for part in parts:
        validate_audio_chunk_size(part, audio_format)
    joined = b"".join(parts)
    assert joined[: len(pcm)] == pcm
    assert not any(joined[len(pcm) :]), "padded with zeros"
    assert len(joined) - len(pcm) < 100

    rest, pieces = pcm, []
    for cut in cuts:
        pieces.append(rest[: 2 * cut])
        rest = rest[2 * cut :]
    assert list(to_chunks(iter([*pieces, rest]), audio_format)) == parts


def test_empty_input_yields_no_chunk() -> None:
    assert list(chunks(b"", FORMAT)) == []
    assert list(to_chunks(iter([b"", b""]), FORMAT)) == []


def test_volume_scales_samples_and_full_volume_leaves_them_unchanged() -> None:
    pcm = np.array([-32_768, 100, 32_767], dtype="<i2").tobytes()
    assert at_volume(pcm, 1.0) is pcm
    assert _integers(at_volume(pcm, 0.5)) == [-16_384, 50, 16_384]
    assert not any(at_volume(pcm, 0.0))
