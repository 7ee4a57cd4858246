"""WAV files as recorders really write them, and errors for the rest."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from client.errors import SoundError
from client.sound.whole import Sound, parse_sound, read_sound
from tests.unit.client.sounds import A_LAW, FLOAT, MU_LAW, chunk, fmt, riff, s16, wav

RAMP = np.array([-1.0, -0.5, 0.0, 0.25, 0.5, 0.75])
WORDS = s16([1_000, -2_000, 3_000, -4_000, 5_000, -6_000])
HEARD = [1_000, -2_000, 3_000, -4_000, 5_000, -6_000]
BEXT = chunk(b"bext", bytes(range(1, 256)) * 3)


def _pcm(bits: int) -> bytes:
    if bits == 8:
        return (RAMP * 128 + 128).astype(np.uint8).tobytes()
    wide = np.clip(RAMP * 2**31, -(2**31), 2**31 - 1).astype("<i4")
    return b"".join(sample.tobytes()[4 - bits // 8 :] for sample in wide)


def _integers(sound: Sound) -> list[int]:
    scaled = sound.samples[:, 0] * 32_768
    return [int(sample) for sample in scaled]


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("extensible", [False, True], ids=["plain", "extensible"])
def test_integers_of_every_size_read_as_the_same_sound(bits: int, extensible: bool) -> None:
    valid = bits if extensible else None
    sound = parse_sound(wav(_pcm(bits), bits=bits, valid_bits=valid))
    assert sound.samples[:, 0].tolist() == RAMP.tolist()


@pytest.mark.parametrize("bits", [32, 64])
def test_floating_point_is_read(bits: int) -> None:
    sound = parse_sound(wav(RAMP.astype(f"<f{bits // 8}").tobytes(), tag=FLOAT, bits=bits))
    assert sound.samples[:, 0].tolist() == RAMP.tolist()


@pytest.mark.parametrize(("tag", "subtype"), [(A_LAW, "ALAW"), (MU_LAW, "ULAW")])
def test_telephones_encodings_read_as_libsndfile_reads_them(
    tmp_path: Path, tag: int, subtype: str
) -> None:
    codes = bytes(range(256))
    path = tmp_path / "codes.raw"
    path.write_bytes(codes)
    expected, _ = soundfile.read(
        path, channels=1, samplerate=8_000, format="RAW", subtype=subtype, dtype="float64"
    )
    sound = parse_sound(wav(codes, tag=tag, bits=8, rate=8_000))
    assert sound.samples[:, 0].tolist() == expected.tolist()


_24 = np.array([-(2**23), -1, 0, 1, 5_000_001, 2**23 - 1], dtype="<i4")


@pytest.mark.parametrize("bits", [24, 32])
@pytest.mark.parametrize("valid_bits", [24, None])
@pytest.mark.parametrize("shift", [8, 0], ids=["upper", "lower"])
def test_24_bits_in_4_bytes_are_read_wherever_they_stand(
    bits: int, valid_bits: int | None, shift: int
) -> None:
    if bits == 32 and valid_bits is None and shift == 0:
        return  # nothing says that these are not 32 bits
    data = (_24 << shift).astype("<i4").tobytes()
    sound = parse_sound(wav(data, bits=bits, width=4, valid_bits=valid_bits))
    assert (sound.samples[:, 0] * 2**23).tolist() == _24.tolist()


def test_24_bit_alignment_is_detected_from_sound_not_silence() -> None:
    silence = np.zeros(10_000, dtype="<i4")
    data = np.concatenate([silence, _24]).astype("<i4").tobytes()
    sound = parse_sound(wav(data, bits=24, width=4))
    assert (sound.samples[-6:, 0] * 2**23).tolist() == _24.tolist()


def test_12_bits_stand_in_the_upper_ones_of_16() -> None:
    sound = parse_sound(wav(s16([16, -16]), bits=12))
    assert _integers(sound) == [16, -16]


def test_channels_are_columns() -> None:
    sound = parse_sound(wav(s16([1, -1, 2, -2]), channels=2))
    assert (sound.samples * 32_768).tolist() == [[1, -1], [2, -2]]


def test_nan_becomes_silence_and_loud_samples_full_scale() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 1e30, -7.0], dtype="<f4").tobytes()
    sound = parse_sound(wav(data, tag=FLOAT, bits=32))
    assert sound.samples[:, 0].tolist() == [0, 1, -1, 1, -1]


@pytest.mark.parametrize(
    ("data_size", "riff_size"),
    [
        (0, 0),
        (0, 36),
        (0, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0),
        (0x7FFFFFFF, 0x7FFFFFFF),
        (0x7FFFF000, 0x7FFFF024),
        (0x80000000, 0x80000024),
        (1_000_000, 1_000_036),
    ],
)
def test_a_stream_is_read_to_its_end_whatever_its_sizes(data_size: int, riff_size: int) -> None:
    content = riff(fmt(), chunk(b"data", WORDS, size=data_size), size=riff_size)
    assert _integers(parse_sound(content)) == HEARD


@pytest.mark.parametrize("after", [b"bext", b"LIST", b"id3 ", b"xyz!"])
@pytest.mark.parametrize("riff_size", [None, 0, 36])
def test_empty_data_before_metadata_is_no_sound(after: bytes, riff_size: int | None) -> None:
    content = riff(fmt(), chunk(b"data", b""), chunk(after, b"words" * 50), size=riff_size)
    if after == b"xyz!" and riff_size is not None:
        return  # by all that can be known, these are samples
    with pytest.raises(SoundError, match="contains no sound"):
        parse_sound(content)


def test_metadata_behind_the_sound_is_not_played() -> None:
    assert _integers(parse_sound(riff(fmt(), chunk(b"data", WORDS), BEXT))) == HEARD


def test_sound_behind_empty_data_is_found() -> None:
    content = riff(fmt(), chunk(b"data", b""), BEXT, chunk(b"data", WORDS))
    assert _integers(parse_sound(content)) == HEARD


@pytest.mark.parametrize("pad", [True, False], ids=["padded", "unpadded"])
@pytest.mark.parametrize("name", [b"LIST", b"odd "])
@pytest.mark.parametrize("body", [b"abc", b"INFOISFT\5\0\0\0abcde", b"x"])
def test_odd_chunks_are_skipped_with_and_without_their_pad_byte(
    name: bytes, body: bytes, pad: bool
) -> None:
    odd = chunk(name, body, pad=pad)
    assert _integers(parse_sound(riff(odd, fmt(), odd, chunk(b"data", WORDS)))) == HEARD


def test_a_file_of_more_than_4_gb_names_its_size_elsewhere() -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 100, len(WORDS), 6, 0))
    content = riff(
        sizes,
        fmt(),
        chunk(b"data", WORDS, size=0xFFFFFFFF),
        BEXT,
        kind=b"RF64",
        size=0xFFFFFFFF,
    )
    assert _integers(parse_sound(content)) == HEARD


def test_half_a_frame_at_the_end_is_left_out() -> None:
    assert _integers(parse_sound(wav(WORDS + b"\1"))) == HEARD


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_truncated_file_gives_the_frames_that_are_there(channels: int) -> None:
    content = wav(s16(range(600)), channels=channels)
    sound = parse_sound(content[:-7])
    assert len(sound.samples) == (1_200 - 7) // (2 * channels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFF\4\0\0\0AVI ", "RIFF, but not WAVE, which cannot be read here; convert it: ffmpeg"),
        (wav(b"\0\0", tag=0x55, bits=0), "not a sound file that can be read here; convert it"),
        (wav(b"\0\0", tag=0x1234), "not a sound file that can be read here"),
        (wav(b"\0\0", channels=0, width=2), "no channels"),
        (wav(b"\0\0", rate=0), "no sample rate"),
        (wav(b"\0\0", channels=60_000, width=1), "claims to have 60000 channels"),
        (wav(b"\0\0", rate=4_000_000_000, bits=8, width=1), "have 4000000000 samples a second"),
        (wav(b"\0\0", rate=999), "claims to have 999 samples a second"),
        (wav(b""), "contains no sound"),
        (wav(b"\1"), "contains no sound"),
        (b"RIFF\4\0\0\0WAVE", "ends before any sound"),
        (b"RIFF\4\0\0\0WAVEfmt \2\0\0\0\1\0", "too short"),
        (riff(chunk(b"data", WORDS)), "before the description"),
        (b"", "contains no sound"),
        (b"\0\0\0\x20ftypM4A ", "MP4 or M4A, which cannot be read here; convert it"),
        (b"just some words, and some more", "not a sound file that can be read here"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unreadable_file_gives_one_line_with_name_and_advice(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError, match=message) as fault:
        read_sound(path)
    assert str(fault.value).startswith(str(path))
    assert "\n" not in str(fault.value)


def test_a_missing_file_and_a_directory_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no such file; check the spelling"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(SoundError, match="is a directory"):
        read_sound(tmp_path)


_CHUNKS = st.one_of(
    st.builds(
        chunk,
        st.one_of(
            st.sampled_from([b"data", b"fmt ", b"LIST", b"bext", b"ds64", b"xyz!"]),
            st.binary(min_size=4, max_size=4),
        ),
        st.binary(max_size=60),
        size=st.one_of(st.none(), st.integers(0, 2**32 - 1), st.integers(0, 80)),
        pad=st.booleans(),
    ),
    st.builds(
        fmt,
        st.sampled_from([0, 1, 3, 6, 7, 0x55, 0xFFFE]),
        channels=st.integers(0, 9),
        rate=st.sampled_from([0, 1, 1_000, 8_000, 192_000, 2**32 - 1]).filter(
            lambda rate: rate < 2**28
        ),
        bits=st.integers(0, 70),
        width=st.integers(1, 9),
        valid_bits=st.one_of(st.none(), st.integers(0, 70)),
    ),
)


@given(
    st.lists(_CHUNKS, max_size=6),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    st.sampled_from([b"RIFF", b"RF64", b"BW64"]),
    st.integers(0, 12),
)
def test_riff_chunks_in_any_order_give_sound_or_a_one_line_error(
    chunks: list[bytes], size: int | None, kind: bytes, cut: int
) -> None:
    content = riff(*chunks, size=size, kind=kind)
    content = content[: len(content) - cut]
    try:
        sound = parse_sound(content)
    except SoundError as fault:
        assert "\n" not in str(fault)  # noqa: PT017
    else:
        assert 0 < sound.samples.size <= len(content)
        assert np.isfinite(sound.samples).all()
        assert np.abs(sound.samples).max() <= 1.0
