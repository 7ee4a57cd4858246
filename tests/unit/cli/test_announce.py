"""Announcements on the command line: made, shown, confirmed, cleared and rejected."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from websockets.asyncio.server import ServerConnection

from cli import notices
from cli.console import Display
from client.escaping import printable
from client.playback.wav import WavWriter
from client.protocol.events import Notification
from shared.protocol.announcement_messages import Announcement, MessageType
from tests.unit.cli.command_line import fails, run, server
from tests.unit.client.support import T0, FakeService

SESSION = "golden-eagle-427"
COVERAGE = {
    "delivered": 3,
    "acknowledged": 1,
    "languages": {"fr": {"delivered": 1}, "es": {"delivered": 2, "acknowledged": 1}},
}


def _announcement(kind: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "announcementId": "a1",
        "scope": request.get("scope", "all"),
        "message": request.get("message", "Lunch at noon"),
        "messageType": request.get("messageType", "info"),
        "createdAt": T0,
        **({"sessionId": SESSION} if request.get("scope") == "session" else {}),
        **more,
    }


class Announcing(FakeService):
    """Accepts announcements; `active` is the announcement for joins and queries."""

    def __init__(self, active: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.active = active
        self.clients: list[dict[str, list[str]]] = []

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.clients.append(parse_qs(urlsplit(connection.request.path).query))
        await super().handle(connection)

    async def _announce(self, connection: Any, request: dict[str, Any]) -> None:
        await self._reply(
            connection, request, _announcement("announcement", request, coverage=COVERAGE)
        )

    async def _getActiveAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        nothing = {"type": "activeAnnouncement", "announcementId": None}
        await self._reply(connection, request, self.active or nothing)

    async def _clearAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        announcement_id = self.active["announcementId"] if self.active else None
        cleared = {"type": "announcementCleared", "announcementId": announcement_id, "scope": "all"}
        await self._reply(connection, request, cleared)

    async def _joinSession(self, connection: Any, request: dict[str, Any]) -> None:  # noqa: N802
        await super()._joinSession(connection, request)
        if self.active:
            await connection.send(json.dumps(self.active))

    async def _acknowledgeAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        reply = {"type": "announcementAcknowledged", "announcementId": request["announcementId"]}
        await self._reply(connection, request, reply)
        await self.push({"type": "announcementCleared", "announcementId": "a1", "scope": "all"})
        await self.push({"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"})


def test_announcing_prints_the_announcement_and_how_to_clear_it() -> None:
    service = Announcing()
    with server(service) as url:
        result = run(
            "announce", "Lunch at noon", "--type", "warning", "--translate", "ES=Comida = a las 12",
            "--key", "lunch", "--url", url, "--token", "t",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Announcement (warning): Lunch at noon",
        "  delivered to 3 (es 2, fr 1), acknowledged by 1 (es 1)",
        "To clear it: python -m cli announce --clear",
    ]
    (request,) = service.requests
    del request["requestId"]
    assert request == {
        "action": "announce",
        "scope": "all",
        "message": "Lunch at noon",
        "messageType": "warning",
        "translations": {"es": "Comida = a las 12"},
        "idempotencyKey": "lunch",
    }


@pytest.mark.parametrize(
    ("active", "option", "lines"),
    [
        (None, "--active", ["There is no active announcement."]),
        (
            _announcement("activeAnnouncement", {}, coverage=COVERAGE),
            "--active",
            [
                "Announcement: Lunch at noon",
                "  since ",
                "  delivered to 3 (es 2, fr 1), acknowledged by 1 (es 1)",
            ],
        ),
        (None, "--clear", ["There is no announcement to clear."]),
        (
            _announcement("activeAnnouncement", {}),
            "--clear",
            ["Announcement cleared."],
        ),
    ],
)
def test_the_active_announcement_is_shown_and_cleared(
    active: dict[str, Any] | None, option: str, lines: list[str]
) -> None:
    with server(Announcing(active)) as url:
        result = run("announce", option, "--url", url)
    assert result.exit_code == 0, result.output
    for printed, line in zip(result.stdout.splitlines(), lines, strict=True):
        assert printed.startswith(line)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "pass a text"),
        (("Lunch", "--clear"), "pass a text"),
        (("--active", "--clear"), "pass a text"),
        (("Lunch", "--translate", "Comida"), "expected LANG=TEXT"),
        (("Lunch", "--translate", "=Comida"), "expected LANG=TEXT"),
        (("Lunch", "--translate", "es= "), "expected LANG=TEXT"),
        (("Lunch", "--translate", "es=a", "--translate", "ES=b"), "es is translated twice"),
        (("Lunch", "--scope", "session"), "python -m cli speak FILE.wav --announce"),
        (("Lunch", "--type", "loud"), "'info'"),
    ],
)
def test_invalid_arguments_are_rejected_before_connecting(
    arguments: tuple[str, ...], part: str
) -> None:
    result = run("announce", *arguments, "--url", "ws://127.0.0.1:1")
    assert result.exit_code == 2
    assert part in " ".join(result.stderr.replace("│", "").split())


def test_a_forbidden_announcement_names_the_required_groups() -> None:
    class Refusing(FakeService):
        async def _announce(self, connection: Any, request: dict[str, Any]) -> None:
            error = {"type": "error", "status": 403, "code": "FORBIDDEN"}
            error |= {"message": "scope: only operators", "retryable": False}
            await self._reply(connection, request, error)

    with server(Refusing()) as url:
        result = run("announce", "Lunch", "--url", url, "--token", "t")
    fails(result, "FORBIDDEN: scope: only operators", "operators)")


def test_a_listener_confirms_with_the_same_client_id_each_time() -> None:
    service = Announcing(
        _announcement("activeAnnouncement", {"message": "L\x1bunch", "scope": "session"})
    )
    with server(service) as url:
        results = [run("listen", SESSION, "--url", url, "--acknowledge") for _ in range(2)]
    for result in results:
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert "Announcement by the speaker: L\\x1bunch" in lines
        assert "Confirmed." in lines
    acknowledged = [
        request["announcementId"]
        for request in service.requests
        if request["action"] == "acknowledgeAnnouncement"
    ]
    assert acknowledged == ["a1", "a1"]
    first, second = service.clients
    assert first == second
    assert len(first["clientId"][0]) == 32


def test_listening_works_without_a_saved_client_id(config_home: Path) -> None:
    config_home.parent.mkdir()
    config_home.write_text("")
    service = Announcing(_announcement("activeAnnouncement", {}))
    with server(service) as url:
        result = run("listen", SESSION, "--url", url, "--acknowledge")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Cannot save a client ID (")
    assert service.clients == [{}]


def test_a_token_replaces_the_client_id(config_home: Path) -> None:
    service = Announcing(_announcement("activeAnnouncement", {}))
    with server(service) as url:
        run("listen", SESSION, "--url", url, "--acknowledge", "--token", "t")
    assert service.clients == [{"token": ["t"]}]
    assert not config_home.exists()


@pytest.fixture
def speech(tmp_path: Path) -> str:
    path = tmp_path / "speech.wav"
    with WavWriter(path, 16_000) as writer:
        writer.write(bytes(6_400))
    return str(path)


def test_a_speaker_announces_before_the_first_chunk(speech: str) -> None:
    service = Announcing()
    with server(service) as url:
        result = run(
            "speak", speech, "--url", url, "--announce", "Questions at the end",
            "--announce-type", "alert", "--translate", "es=Preguntas al final",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Announcement by the speaker (alert): Questions at the end" in result.stdout
    assert service.actions() == ["createSession", "announce", "sendAudio", "endSession"]
    announced = service.requests[1]
    assert (announced["scope"], announced["messageType"]) == ("session", "alert")
    assert announced["translations"] == {"es": "Preguntas al final"}


def test_a_failed_announcement_does_not_stop_the_talk(speech: str) -> None:
    class Broken(FakeService):
        async def _announce(self, connection: Any, request: dict[str, Any]) -> None:
            error = {"type": "error", "status": 503, "code": "UNAVAILABLE", "retryable": True}
            await self._reply(connection, request, {**error, "message": "announcements: later"})

    service = Broken()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--announce", "Lunch")
    assert result.exit_code == 0, result.output
    assert "Announcement failed: UNAVAILABLE: announcements: later" in result.stdout
    assert service.actions()[-1] == "endSession"


def test_a_translation_without_an_announcement_is_rejected(speech: str) -> None:
    result = run("speak", speech, "--translate", "es=Hola")
    assert result.exit_code == 2
    assert "needs --announce" in result.stderr


@pytest.mark.parametrize(("kind", "colour"), [("info", "44"), ("warning", "43"), ("alert", "41")])
def test_banners_have_the_colour_of_their_type(kind: MessageType, colour: str) -> None:
    printed = io.StringIO()
    console = Console(file=printed, force_terminal=True, color_system="standard", width=100)
    announcement = Announcement(
        announcement_id="a", scope="all", message="[red]\x1b[2J", message_type=kind, created_at=1
    )
    notices.show_notice(Display(console), Notification(announcement))
    assert f";{colour}m" in printed.getvalue()
    assert "[red]\\x1b[2J" in printed.getvalue()
    assert printed.getvalue().count("\x1b[") == 2  # the colour, and its end


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    shown = printable(text)
    assert not set(shown) & set(
        map(chr, (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0x2028, 0x2029))
    )
    shown.encode()
    if text.isascii() and text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\n\tb", "a b"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\ud800", "\\ud800"),
        ("¿Comida? 昼食 👩‍💻", "¿Comida? 昼食 👩‍💻"),
    ],
)
def test_control_characters_become_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
