"""Sources of the command line: errors before a session opens, and errors later."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from client.errors import SoundError
from client.flows.sound_files import prepare_source
from shared.models.audio_format import AudioFormat
from tests.unit.client.sounds import s16, wav

FORMAT = AudioFormat()
PCM = s16(range(3_200))


async def _chunks(name: Path, content: bytes) -> list[bytes]:
    """The FIFO's writer opens it after the session has started."""
    os.mkfifo(name)
    with contextlib.ExitStack() as files:
        open_source = await prepare_source(str(name), files, starting_seconds=0)
        source = open_source(FORMAT)
        assert (source.live, source.total) == (True, None)

        async def read() -> list[bytes]:
            return [chunk async for chunk in source]

        reading = asyncio.create_task(read())
        await asyncio.to_thread(name.write_bytes, content)
        return await reading


@pytest.mark.parametrize("content", [PCM, wav(PCM)], ids=["raw", "wav"])
async def test_a_recorder_that_starts_late_is_heard_from_its_first_sample(
    tmp_path: Path, content: bytes
) -> None:
    assert await _chunks(tmp_path / "fifo", content) == [PCM]


@pytest.mark.parametrize("content", [b"", wav(b"")], ids=["nothing", "empty wav"])
async def test_errors_of_a_late_recorder_are_raised_when_they_occur(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(SoundError, match="fifo: contains no sound"):
        await _chunks(tmp_path / "fifo", content)


async def test_a_recorder_that_never_starts_can_be_cancelled(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with contextlib.ExitStack() as files:
        await prepare_source(str(tmp_path / "fifo"), files, starting_seconds=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "contains no sound"), (wav(b""), "contains no sound"), (b"words", "not a sound file")],
)
async def test_errors_of_a_file_are_raised_before_a_session_opens(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "speech.wav").write_bytes(content)
    with contextlib.ExitStack() as files, pytest.raises(SoundError, match=message):
        await prepare_source(str(tmp_path / "speech.wav"), files)


async def test_a_file_without_permission_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(wav(PCM))
    (tmp_path / "speech.wav").chmod(0)
    if os.access(tmp_path / "speech.wav", os.R_OK):
        return  # as root everything can be read
    with contextlib.ExitStack() as files, pytest.raises(SoundError, match="Permission denied"):
        await prepare_source(str(tmp_path / "speech.wav"), files)
