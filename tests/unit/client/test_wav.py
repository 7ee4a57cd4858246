"""WAV files of every kind, made here, and what is said about the others."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from client.errors import SoundError
from client.wav import MAX_SILENCE_MS, WavWriter, read_wav

RAMP = np.array([-1.0, -0.5, 0.0, 0.25, 0.5, 0.75])


def _wav(
    data: bytes,
    *,
    tag: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate: int = 16_000,
    before: bytes = b"",
    size: int | None = None,
) -> bytes:
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
    header = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body = b"data" + struct.pack("<I", len(data) if size is None else size) + data
    content = b"WAVE" + before + header + body
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _encoded(bits: int, tag: int) -> bytes:
    if tag == 3:
        return RAMP.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return (RAMP * 128 + 128).astype(np.uint8).tobytes()
    wide = (RAMP * 2**31).astype("<i4")
    return b"".join(sample.tobytes()[4 - bits // 8 :] for sample in wide)


def _read(path: Path, content: bytes) -> np.ndarray:
    path.write_bytes(content)
    return read_wav(path).samples


@pytest.mark.parametrize(
    ("tag", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)], ids=str
)
def test_every_encoding_reads_as_the_same_sound(tmp_path: Path, tag: int, bits: int) -> None:
    samples = _read(tmp_path / "a.wav", _wav(_encoded(bits, tag), tag=tag, bits=bits))
    assert samples[:, 0].tolist() == RAMP.tolist()


def test_channels_are_columns(tmp_path: Path) -> None:
    data = np.array([1, -1, 2, -2], dtype="<i2").tobytes()
    samples = _read(tmp_path / "a.wav", _wav(data, channels=2))
    assert (samples * 32_768).tolist() == [[1, -1], [2, -2]]


def test_the_extensible_kind_is_read(tmp_path: Path) -> None:
    guid = struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 48_000, 192_000, 4, 32, 22, 32, 4) + guid
    data = RAMP.astype("<f4").tobytes()
    content = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    content += b"data" + struct.pack("<I", len(data)) + data
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    sound = read_wav(path)
    assert sound.samples[:, 0].tolist() == RAMP.tolist()
    assert (sound.sample_rate, sound.seconds) == (48_000, 6 / 48_000)


def test_other_parts_are_skipped_even_of_odd_length(tmp_path: Path) -> None:
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert len(_read(tmp_path / "a.wav", _wav(_encoded(16, 1), before=extra))) == 6


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_streamed_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    assert len(_read(tmp_path / "a.wav", _wav(_encoded(16, 1), size=size))) == 6


def test_half_a_sample_at_the_end_is_left_out(tmp_path: Path) -> None:
    assert len(_read(tmp_path / "a.wav", _wav(_encoded(16, 1) + b"\1"))) == 6


def test_numbers_that_are_none_become_silence(tmp_path: Path) -> None:
    data = np.array([np.nan, np.inf, -np.inf], dtype="<f4").tobytes()
    assert _read(tmp_path / "a.wav", _wav(data, tag=3, bits=32))[:, 0].tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"ID3\3this is an MP3", "not a WAV file; convert it: ffmpeg"),
        (b"RIFF\4\0\0\0AVI ", "not a WAV file"),
        (b"RIFX" + bytes(40), "of the kind RIFX"),
        (_wav(b"\0\0", tag=7, bits=8), "encoded as µ-law with 8 bits"),
        (_wav(b"\0\0", tag=0x55, bits=0), "encoded as MP3"),
        (_wav(b"\0\0", tag=0x1234), "encoded as code 0x1234"),
        (_wav(b"\0\0", bits=12), "encoded as PCM with 12 bits"),
        (_wav(b"\0\0", channels=0), "no channels"),
        (_wav(b""), "contains no sound"),
        (b"RIFF\4\0\0\0WAVE", "ends before any sound"),
        (b"RIFF\4\0\0\0WAVEfmt \2\0\0\0\1\0", "too short"),
        (b"RIFF\4\0\0\0WAVEdata\2\0\0\0\1\0", "before the description"),
    ],
)
def test_what_cannot_be_read_is_told_plainly(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError, match=message) as fault:
        read_wav(path)
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_missing_file_and_a_directory_are_told(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no such file"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(SoundError, match="is a directory"):
        read_wav(tmp_path)


def test_what_is_written_is_an_ordinary_wav_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "heard.wav"
    with WavWriter(path, 8_000) as writer:
        writer.write(b"\1\0\2\0")
        writer.silence(0.25)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, 8_000, 4)
        assert file.readframes(4) == b"\1\0\2\0\0\0\0\0"


def test_no_gap_can_fill_the_disk(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "heard.wav", 8_000) as writer:
        writer.silence(1e12)
    assert (tmp_path / "heard.wav").stat().st_size < 8_000 * 2 * MAX_SILENCE_MS / 1000 + 100


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="cannot be written"):
        WavWriter(tmp_path, 8_000)
