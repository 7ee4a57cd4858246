"""Standard input and other sound inputs of the command line, in a separate process."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.unit.cli.command_line import server
from tests.unit.client.sounds import chunk, encoded, fmt, riff, s16, speechlike, wav
from tests.unit.client.support import FakeService

SESSION = "golden-eagle-427"
PCM = s16(range(6_400))


class RecordingService(FakeService):
    """Records the audio it receives."""

    def sent(self) -> list[str]:
        return [request["audio"] for request in self.requests if request["action"] == "sendAudio"]


@pytest.fixture
def service() -> Iterator[tuple[RecordingService, str]]:
    kept = RecordingService()
    with server(kept) as url:
        yield kept, url


def shell(stdin: int | IO[Any] | None, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        **more,
    )


def write_input(process: subprocess.Popen[str], content: bytes) -> None:
    """Write to the process's standard input and close it."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.buffer.write(content)  # type: ignore[attr-defined]
        process.stdin.close()
    process.stdin = None


def wait_for(process: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.splitlines()


@pytest.mark.parametrize(
    "command", [("speak",), ("interpret", SESSION)], ids=["speak", "interpret"]
)
@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("/dev/null", "a device without sound (such as /dev/null"),
        ("/dev/zero", "a device without sound (such as /dev/null"),
    ],
)
def test_a_device_without_sound_is_reported_in_one_line(
    service: tuple[RecordingService, str], command: tuple[str, ...], device: str, message: str
) -> None:
    with Path(device).open("rb") as stdin:
        process = shell(stdin, *command, "-", "--url", service[1])
        code, out, err = wait_for(process)
    assert (code, len(err), out) == (1, 1, "")
    assert message in err[0]
    assert service[0].requests == []


def test_closed_standard_input_is_reported_in_one_line(
    service: tuple[RecordingService, str],
) -> None:
    process = shell(None, "speak", "-", "--url", service[1], preexec_fn=lambda: os.close(0))
    code, _, err = wait_for(process)
    assert (code, len(err)) == (1, 1)
    assert "standard input is closed, or a device without sound" in err[0]


def test_a_terminal_as_input_is_reported_in_one_line(service: tuple[RecordingService, str]) -> None:
    ours, theirs = os.openpty()
    code, _, err = wait_for(shell(theirs, "speak", "-", "--url", service[1]))
    os.close(ours)
    os.close(theirs)
    assert (code, len(err)) == (1, 1)
    assert "standard input is a terminal (a keyboard), not sound" in err[0]


@pytest.mark.parametrize(
    "content",
    [b"", wav(b""), riff(fmt(), chunk(b"data", b""), chunk(b"bext", bytes(range(256)) * 9))],
    ids=["nothing", "empty wav", "metadata"],
)
def test_a_pipe_without_sound_opens_no_session(
    service: tuple[RecordingService, str], content: bytes
) -> None:
    process = shell(subprocess.PIPE, "speak", "-", "--url", service[1])
    write_input(process, content)
    code, _, err = wait_for(process)
    assert (code, len(err)) == (1, 1)
    assert "standard input: contains no sound; record something first" in err[0]
    assert service[0].requests == []


@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_the_header_of_a_wav_is_not_played(
    service: tuple[RecordingService, str], tmp_path: Path, kind: str
) -> None:
    kept, url = service
    content = wav(PCM, size=0xFFFFFFFF)
    (tmp_path / "speech.wav").write_bytes(content)
    with (tmp_path / "speech.wav").open("rb") as file:
        if kind == "file":
            code, out, err = wait_for(shell(file, "speak", "-", "--url", url))
        elif kind == "pipe":
            with subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
                code, out, err = wait_for(shell(cat.stdout, "speak", "-", "--url", url))
        else:
            ours, theirs = socket.socketpair()
            process = shell(theirs, "speak", "-", "--url", url)  # type: ignore[arg-type]
            theirs.close()
            ours.sendall(content)
            ours.close()
            code, out, err = wait_for(process)
    assert (code, err) == (0, []), out
    assert b"".join(base64.b64decode(audio) for audio in kept.sent()) == PCM


@pytest.mark.parametrize("kind", ["FLAC", "MP3", "OGG"])
def test_decoders_print_nothing(service: tuple[RecordingService, str], kind: str) -> None:
    process = shell(subprocess.PIPE, "speak", "-", "--url", service[1])
    write_input(process, encoded(speechlike(8_000), 16_000, kind))
    code, out, err = wait_for(process)
    assert (code, err) == (0, []), out
    assert len(service[0].sent()) in {3, 4}


def test_listening_continues_when_the_disk_is_full(service: tuple[RecordingService, str]) -> None:
    arguments = ("listen", SESSION, "--url", service[1], "--out", "/dev/full", "--seconds", "0.5")
    code, out, err = wait_for(shell(subprocess.DEVNULL, *arguments))
    assert (code, err) == (0, [])
    assert (
        "Recording stops, listening goes on: /dev/full cannot be written: the disk is full" in out
    )
