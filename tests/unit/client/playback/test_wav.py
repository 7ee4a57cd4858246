"""The WAV writer."""

from __future__ import annotations

import os
import threading
import wave
from pathlib import Path

import pytest

from client.errors import SoundError
from client.playback.wav import MAX_SILENCE_MS, WavWriter
from client.sound.whole import parse_sound


def test_what_is_written_is_an_ordinary_wav_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "heard.wav"
    with WavWriter(path, 8_000) as writer:
        writer.write(b"\1\0\2\0")
        writer.silence(0.25)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, 8_000, 4)
        assert file.readframes(4) == b"\1\0\2\0\0\0\0\0"


def test_the_file_is_valid_after_every_write(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with WavWriter(path, 8_000) as writer:
        for count in range(1, 4):
            writer.write(b"\1\0")
            with wave.open(str(path)) as file:
                assert file.getnframes() == count


def test_an_earlier_recording_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    path.write_bytes(bytes(1_000))
    with WavWriter(path, 8_000) as writer:
        writer.write(b"\1\0")
    assert path.stat().st_size == 46


def test_a_fifo_gets_a_stream_with_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    with WavWriter(path, 8_000) as writer:
        writer.write(b"\1\0\2\0")
    reader.join(10)
    assert received[0][40:44] == b"\xff\xff\xff\xff"
    assert (parse_sound(received[0]).samples[:, 0] * 32_768).tolist() == [1, 2]


def test_no_gap_can_fill_the_disk(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "heard.wav", 8_000) as writer:
        writer.silence(1e12)
    assert (tmp_path / "heard.wav").stat().st_size < 8_000 * 2 * MAX_SILENCE_MS / 1000 + 100


def test_an_unwritable_path_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "heard.wav"):
        with pytest.raises(SoundError, match=r"cannot be written: .*; name another file") as fault:
            WavWriter(path, 8_000)
        assert str(fault.value).startswith(str(path))


def test_a_full_disk_is_an_error_of_the_system() -> None:
    with pytest.raises(SoundError, match="/dev/full cannot be written: the disk is full"):
        WavWriter(Path("/dev/full"), 8_000)
