"""Announcements on the command line: an operator, a speaker and two listeners."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from shared.announcements.publisher import REDELIVERY_DELAY_SECONDS
from tests.e2e.operations.test_demo import recording
from tests.e2e.support.clients import StackClients
from tests.e2e.support.terminals import Desk, Terminal

ES = "es=Comida a las doce"
OVER = "The announcement was cleared."


@pytest.fixture
def speech(tmp_path: Path) -> str:
    recording(tmp_path / "speech.wav", 0.4)
    return str(tmp_path / "speech.wav")


async def session_of(speaker: Terminal) -> str:
    """The session's id as `speak` prints it."""
    line = await speaker.until("Session ")
    return line.removeprefix("Session ")


def banners(terminal: Terminal) -> list[str]:
    """The announcements that a terminal has shown."""
    return [line for line in terminal.lines if line.startswith(("Announcement", OVER))]


async def test_announcements_at_terminals(
    clients: StackClients, tmp_path: Path, speech: str
) -> None:
    operator = Desk(clients.endpoints, tmp_path / "operator")
    maria, paul = Desk(clients.endpoints, tmp_path / "es"), Desk(clients.endpoints, tmp_path / "fr")
    speaking = ("--announce", "Ask at the end", "--translate", "es=Preguntas al final")
    async with operator.open("speak", speech, "--wait", "600", *speaking) as speaker:
        session = await session_of(speaker)
        await speaker.until("Announcement by the speaker: Ask at the end")
        listening = ("listen", session, "--acknowledge", "--language", "es")
        async with (
            maria.open(*listening) as spanish,
            paul.open("listen", session, "--language", "fr") as french,
        ):
            await spanish.until("Announcement by the speaker: Preguntas al final")
            await spanish.until("Confirmed.")
            await french.until("Announcement by the speaker: Ask at the end")

            lunch = ("announce", "Lunch at noon", "--type", "warning", "--translate", ES)
            sent = await operator.run(*lunch)
            assert sent.status == 0, sent.lines
            assert sent.lines[0] == "Announcement (warning): Lunch at noon"
            async with clients.connection() as newcomer:
                await spanish.until("Announcement (warning): Comida a las doce")
                await french.until("Announcement (warning): Lunch at noon")
                await speaker.until("Announcement (warning): Lunch at noon")
                # Wait until the redelivery pass is over: it reaches the newcomer, or has run before
                # the newcomer connected. Later joins get the replay only.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2 * REDELIVERY_DELAY_SECONDS):
                        late = await newcomer.expect("announcement")
                        assert late["message"] == "Lunch at noon"
            await spanish.until("Confirmed.", times=2)
            active = await operator.run("announce", "--active")
            assert active.lines[0] == "Announcement (warning): Lunch at noon"
            assert active.lines[2].endswith("acknowledged by 1 (es 1)")
            assert await spanish.ctrl_c() == 0

            async with maria.open(*listening) as back:
                await back.until("You are in ")
                await operator.run("announce", "The hall is closing", "--type", "alert")
                await back.until("Announcement (alert): The hall is closing")
                assert banners(back) == ["Announcement (alert): The hall is closing"]
                cleared = await operator.run("announce", "--clear")
                assert cleared.lines == ["Announcement cleared."]
                await french.until(OVER)
            assert banners(french) == [
                "Announcement by the speaker: Ask at the end",
                "Announcement (warning): Lunch at noon",
                "Announcement (alert): The hall is closing",
                OVER,
            ]
        again = await operator.run("announce", "--active")
        assert again.lines == ["There is no active announcement."]


async def test_a_key_makes_one_announcement(clients: StackClients, tmp_path: Path) -> None:
    operator = Desk(clients.endpoints, tmp_path)
    first = await operator.run("announce", "First", "--key", "cli-key")
    again = await operator.run("announce", "Second", "--key", "cli-key")
    await operator.run("announce", "--clear")
    assert first.lines[0] == again.lines[0] == "Announcement: First"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("announce", "x" * 281), "error: INVALID_ANNOUNCEMENT: message: 281 characters"),
        (("announce", "Hi", "--translate", "english=Hi"), "error: INVALID_LANGUAGE: translations"),
    ],
)
async def test_a_refusal_is_one_line(
    clients: StackClients, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    ended = await Desk(clients.endpoints, tmp_path).run(*arguments)
    assert ended.status == 1
    (line,) = ended.lines
    assert line.startswith(error)


async def test_a_speaker_may_not_announce_to_everyone(
    clients: StackClients, tmp_path: Path
) -> None:
    token = clients.token("cli-dave", "speakers")
    ended = await Desk(clients.endpoints, tmp_path).run("announce", "Hi", "--token", token)
    assert ended.status == 1
    assert "error: FORBIDDEN" in ended.lines[0]
    assert token not in "".join(ended.lines)
