"""Recording: whatever happens to the file, listening goes on."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from client.errors import SoundError
from client.flows.sound_files import RecordingFile
from client.playback.playout import NullSink
from client.playback.recorder import Recorder
from client.sound.whole import parse_sound, read_sound
from shared.models.audio_format import AudioFormat

CHUNK = b"\1\0" * 1_600


def _integers(content: bytes) -> list[int]:
    return [int(sample * 32_768) for sample in parse_sound(content).samples[:, 0]]


def test_a_file_holds_all_that_was_heard(tmp_path: Path) -> None:
    told: list[str] = []
    recorder = Recorder(tmp_path / "new" / "heard.wav", 16_000, told.append)
    for _ in range(50):
        recorder.write(CHUNK)
    recorder.silence(100)
    assert recorder.close()
    heard = read_sound(tmp_path / "new" / "heard.wav").samples[:, 0]
    assert len(heard) == 51 * 1_600
    assert (heard[: 50 * 1_600] == 1 / 32_768).all()
    assert told == []


def test_a_fifo_gives_its_reader_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    told: list[str] = []
    recorder = Recorder(path, 16_000, told.append)  # does not wait for the reader
    for _ in range(100):  # more than a pipe holds
        recorder.write(CHUNK)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    assert recorder.close()
    reader.join(10)
    assert _integers(received[0]) == [1] * 160_000
    assert told == []


def test_a_fifo_without_reader_is_reported_once_and_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    told: list[str] = []
    recorder = Recorder(path, 16_000, told.append, waiting_seconds=1, closing_seconds=0)
    for _ in range(20):
        recorder.write(CHUNK)
    assert len(told) == 1
    assert f"{path} is not read or written fast enough" in told[0]
    assert not recorder.close()
    assert told[1] == f"{path} lacks 2.0 s that could not be written in time"


def test_a_reader_that_closes_is_reported_and_listening_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    told: list[str] = []
    recorder = Recorder(path, 16_000, told.append)
    with path.open("rb") as reader:
        assert reader.read(44)
    for _ in range(100):
        recorder.write(CHUNK)
    assert not recorder.close()
    assert told == [f"Recording stops, listening goes on: {path}: its reader has gone"]


def test_a_full_disk_is_reported_once_and_listening_goes_on() -> None:
    told: list[str] = []
    recorder = Recorder(Path("/dev/full"), 16_000, told.append)
    for _ in range(100):
        recorder.write(CHUNK)
    assert not recorder.close()
    assert len(told) == 1
    assert told[0].startswith(
        "Recording stops, listening goes on: /dev/full cannot be written: the disk is full"
    )


def test_a_disk_that_fills_up_keeps_what_was_written(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "heard.wav"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    told: list[str] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (44 + 5 * len(CHUNK) + 100, hard))
    try:
        recorder = Recorder(path, 16_000, told.append)
        for _ in range(20):
            recorder.write(CHUNK)
        assert not recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(told) == 1
    assert "cannot be written: File too large" in told[0]
    assert len(read_sound(path).samples) >= 5 * 1_600


@pytest.mark.parametrize("name", ["", "file/heard.wav"])
def test_an_unwritable_path_is_rejected_before_listening(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with contextlib.ExitStack() as files:
        with pytest.raises(SoundError, match=r"cannot be written: .*; name another file") as fault:
            RecordingFile(tmp_path / name, files, print)
        assert "\n" not in str(fault.value)


def test_a_directory_that_goes_meanwhile_does_not_end_listening(tmp_path: Path) -> None:
    told: list[str] = []
    with contextlib.ExitStack() as files:
        heard = RecordingFile(tmp_path / "new" / "heard.wav", files, told.append)
        (tmp_path / "new").rmdir()
        (tmp_path / "new").touch()
        heard.open(AudioFormat()).write(CHUNK)
    assert len(told) == 1
    assert told[0].startswith("Not recorded, listening goes on: ")
    assert heard.summary() is None


def test_the_summary_says_whether_the_recording_is_whole(tmp_path: Path) -> None:
    def summary(path: Path | None, chunks: int) -> str | None:
        with contextlib.ExitStack() as files:
            heard = RecordingFile(path, files, lambda line: None)
            if chunks:
                sink = heard.open(AudioFormat())
                for _ in range(chunks):
                    sink.write(CHUNK)
        return heard.summary()

    assert summary(tmp_path / "a.wav", 3) == f"What was heard is in {tmp_path}/a.wav"
    assert summary(Path("/dev/full"), 3) == "Part of what was heard is in /dev/full"
    assert summary(tmp_path / "a.wav", 0) is None
    assert summary(None, 3) is None


def test_without_a_path_audio_is_discarded_and_opus_cannot_be_recorded(tmp_path: Path) -> None:
    opus = AudioFormat(encoding="opus")
    with contextlib.ExitStack() as files:
        assert isinstance(RecordingFile(None, files, print).open(opus), NullSink)
        with pytest.raises(SoundError, match=r"opus.*omit --out"):
            RecordingFile(tmp_path / "a.wav", files, print).open(opus)
