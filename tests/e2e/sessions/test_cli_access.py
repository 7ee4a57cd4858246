"""A session by link on the command line: copied commands join, a guessed id does not."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.e2e.operations.test_demo import recording
from tests.e2e.support.clients import StackClients
from tests.e2e.support.terminals import Desk


@pytest.fixture
def speech(tmp_path: Path) -> str:
    recording(tmp_path / "speech.wav", 0.4)
    return str(tmp_path / "speech.wav")


def arguments(line: str) -> list[str]:
    """Parse a command that `speak` printed as a shell does; returns its arguments."""
    _, _, command = line.partition("python -m cli ")
    words = shlex.split(command)
    return words[: words.index("--url")] if "--url" in words else words


async def test_the_printed_commands_join_and_the_id_alone_does_not(
    clients: StackClients, tmp_path: Path, speech: str
) -> None:
    speaking, at_home = (
        Desk(clients.endpoints, tmp_path / "a"),
        Desk(clients.endpoints, tmp_path / "b"),
    )
    async with speaking.open("speak", speech, "--wait", "600", "--access", "link") as speaker:
        session_id = (await speaker.until("Session ")).removeprefix("Session ")
        listen = arguments(await speaker.until("  listen:"))
        interpret = arguments(await speaker.until("  interpret:"))
        assert listen[1].startswith(f"{session_id}#")
        _, _, secret = listen[1].partition("#")
        assert len(secret) >= 22  # 128 bits

        async with at_home.open(*listen) as listener:
            await listener.until(f"You are in {session_id}")
            machine = ("interpret", interpret[1], "--engine", "scripted", "--languages", "es")
            async with at_home.open(*machine) as robot:
                await listener.until("a machine interpreter")
                assert await robot.ctrl_c() == 0
                assert not any(secret in line for line in robot.lines)

            for guess in (session_id, f"{session_id}#{secret[:-1]}", "calm-otter-404"):
                refused = await at_home.run("listen", guess, "--language", "es")
                assert refused.status == 1
                assert "SESSION_NOT_FOUND" in refused.lines[0]
                assert not any("You are in" in line for line in refused.lines)
            assert not any(secret in line for line in listener.lines)
