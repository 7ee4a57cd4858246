"""Sessions by link: the secret is printed once and sent when joining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from client.playback.wav import WavWriter
from client.protocol.join_code import JoinCode
from tests.unit.cli.command_line import run, server
from tests.unit.client.support import CREATED, FakeService

SESSION = "golden-eagle-427"
SECRET = "q3Xn-_secret"
CODE = f"{SESSION}#{SECRET}"


class ByLink(FakeService):
    """Issues a secret for a session by link."""

    async def _createSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self.speaker = connection
        by_link = {"access": "link", "secret": SECRET} if request.get("access") == "link" else {}
        await self._reply(
            connection, request, {**CREATED, "audioFormat": self.audio_format, **by_link}
        )


@pytest.fixture
def speech(tmp_path: Path) -> str:
    path = tmp_path / "speech.wav"
    with WavWriter(path, 16_000) as writer:
        writer.write(bytes(6400))
    return str(path)


def test_printed_commands_contain_the_secret_in_quotes(speech: str) -> None:
    service = ByLink()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--access", "link")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"Session {SESSION}"
    assert f"python -m cli listen '{CODE}' --language es" in lines[1]
    assert f"python -m cli interpret '{CODE}' FILE.wav" in lines[2]
    assert service.requests[0]["access"] == "link"


def test_without_access_link_there_is_no_secret(speech: str) -> None:
    service = ByLink()
    with server(service) as url:
        result = run("speak", speech, "--url", url)

    assert "#" not in result.stdout
    assert "access" not in service.requests[0]


@pytest.fixture(params=["argument", "environment", "secret file", "code file"])
def given_as(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Arguments that pass the session and its secret in one of several ways."""
    kept = tmp_path / "secret"
    match request.param:
        case "argument":
            return [CODE]
        case "environment":
            monkeypatch.setenv("LINGOCAST_SESSION", CODE)
            return []
        case "secret file":
            kept.write_text(f"{SECRET}\n")
            return [SESSION, "--secret-file", str(kept)]
        case _:
            kept.write_text(f"{CODE}\r\n")
            monkeypatch.setenv("LINGOCAST_SECRET_FILE", str(kept))
            return []


def test_listeners_send_the_secret(given_as: list[str]) -> None:
    service = ByLink()
    with server(service) as url:
        result = run("listen", *given_as, "--url", url, "--seconds", "0")

    assert result.exit_code == 0, result.output
    join = service.requests[0]
    assert (join["sessionId"], join["secret"]) == (SESSION, SECRET)
    assert SECRET not in result.output


def test_interpreters_send_the_secret(speech: str) -> None:
    service = ByLink()
    with server(service) as url:
        result = run("interpret", CODE, speech, "--url", url, "--start", "now")

    assert result.exit_code == 0, result.output
    join = service.requests[0]
    assert (join["sessionId"], join["secret"], join["role"]) == (SESSION, SECRET, "interpreter")
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("session", "content", "part"),
    [
        (SESSION, None, "cannot be read: No such file"),
        (SESSION, b"", "expected one line"),
        (SESSION, b"two words", "expected one line"),
        (SESSION, b"x" * 5_000, "expected one line"),
        (SESSION, b"\xff\xfe", "cannot be read: not UTF-8"),
        ("calm-otter-001", CODE.encode(), f"the secret of {SESSION}, not of calm-otter-001"),
        (CODE, SECRET.encode(), "SESSION already contains a secret"),
    ],
)
def test_an_unusable_secret_file_is_reported(
    tmp_path: Path, session: str, content: bytes | None, part: str
) -> None:
    kept = tmp_path / "secret"
    if content is not None:
        kept.write_bytes(content)

    result = run("listen", session, "--secret-file", str(kept))

    assert result.exit_code == 2
    message = " ".join(result.stderr.replace("│", " ").split())
    assert "--secret-file" in message
    assert part.replace(" ", "") in message.replace(" ", "")
    assert SECRET not in message


def test_a_code_without_its_secret_is_reported() -> None:
    result = run("listen", f"{SESSION}#")

    assert result.exit_code == 2
    assert "the secret after # is missing" in result.stderr


@given(st.from_regex(r"[a-z]+-[a-z]+-[0-9]{3}", fullmatch=True), st.text("aZ9-_", min_size=1))
def test_codes_round_trip(session_id: str, secret: str) -> None:
    for code in (JoinCode(session_id), JoinCode(session_id, secret)):
        assert JoinCode.parse(f" {code}\n") == code


def test_a_code_does_not_show_its_secret_in_logs() -> None:
    assert SECRET not in repr(JoinCode.parse(CODE))
