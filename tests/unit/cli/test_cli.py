"""The command line: errors are one line with a hint, and the flows work from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.hints import hint_for
from client.errors import (
    ClientError,
    ConnectionLostError,
    HandshakeRefusedError,
    RequestRefusedError,
    RequestTimeoutError,
    SoundError,
)
from client.playback.wav import WavWriter
from client.sound.whole import load_pcm, read_sound
from shared.models.audio_format import AudioFormat
from shared.protocol.message_base import encode
from shared.protocol.messages import Audio
from shared.utils.clock import SystemClock
from tests.unit.cli.command_line import fails, run, server
from tests.unit.client.support import FakeService

SESSION = "golden-eagle-427"


@pytest.fixture
def speech(tmp_path: Path) -> str:
    path = tmp_path / "speech.wav"
    with WavWriter(path, 16_000) as writer:
        writer.write(bytes(range(100)) * 64)  # 200 ms
    return str(path)


def test_without_a_command_help_is_shown() -> None:
    result = run()
    assert "python -m cli listen golden-eagle-427 --language es" in result.output


@pytest.mark.parametrize("command", ["speak", "listen", "interpret"])
def test_every_command_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"python -m cli {command}" in result.output


@pytest.mark.parametrize("command", ["listen", "interpret"])
def test_a_missing_session_is_reported_with_a_hint(command: str) -> None:
    result = run(command, "--language", "es")
    assert result.exit_code == 2
    assert "no session given" in result.stderr


def test_an_unreachable_server_is_reported(speech: str) -> None:
    fails(run("speak", speech, "--url", "ws://127.0.0.1:1"), "nothing listens", "`make run`")


def test_a_missing_file_is_reported_before_connecting() -> None:
    fails(run("speak", "nowhere.wav", "--url", "ws://127.0.0.1:1"), "nowhere.wav: there is no")


def test_a_file_without_sound_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"ID3 something else")
    fails(
        run("interpret", SESSION, str(tmp_path / "a.wav")),
        "not a sound file that can be read",
        "ffmpeg",
    )


def test_a_refused_handshake_is_reported() -> None:
    with server(FakeService(), refuse=403) as url:
        result = run("listen", SESSION, "--url", url, "--token", "secret.token.x")
    fails(result, "status 403", "the token is wrong or expired")
    assert "secret" not in result.output


def test_an_unreachable_token_service_is_reported(speech: str) -> None:
    result = run("speak", speech, "--token-url", "http://127.0.0.1:1/token")
    fails(result, "cannot be reached for a token")


def test_an_unknown_session_is_reported() -> None:
    class Empty(FakeService):
        async def _joinSession(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            error = {"type": "error", "status": 404, "code": "SESSION_NOT_FOUND"}
            error |= {"message": "sessionId: no such session", "retryable": False}
            await self._reply(connection, request, error)

    with server(Empty()) as url:
        result = run("listen", SESSION, "--url", url)
    fails(result, "SESSION_NOT_FOUND: sessionId: no such session", "`speak` prints")


def test_speaking_prints_the_session_and_how_to_listen(speech: str) -> None:
    service = FakeService()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--language", "de", "--wait", "0.01")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Session golden-eagle-427"
    assert f"python -m cli listen {SESSION} --language es --url {url}" in lines[1]
    assert "spoken: 0.2 s of 0.2 s, 1 chunk sent" in lines
    assert lines[-1] == "The session is over: the speaker ended it."
    assert service.requests[0]["sourceLanguage"] == "de"
    assert service.actions() == ["createSession", "sendAudio", "endSession"]


def test_a_lost_connection_and_the_reconnection_are_reported(speech: str) -> None:
    class Breaking(FakeService):
        async def _sendAudio(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            connection.transport.abort()

    service = Breaking()
    with server(service) as url:
        result = run("speak", speech, "--url", url)
    assert result.exit_code == 0, result.output
    assert "Disconnected: the connection broke off. Reconnecting for up to 60 s …" in result.stdout
    assert f"Reconnected to {SESSION} after " in result.stdout
    assert service.actions() == ["createSession", "sendAudio", "joinSession", "endSession"]


def test_reconnecting_can_be_turned_off(speech: str) -> None:
    class Breaking(FakeService):
        async def _sendAudio(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            connection.transport.abort()

    service = Breaking()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--reconnect", "0")
    fails(result, "error: the connection broke off; check the network")
    assert "joinSession" not in service.actions()


def test_a_session_can_be_left_open(speech: str) -> None:
    service = FakeService()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--no-end")
    assert result.stdout.splitlines()[-1] == "The session stays open."
    assert "endSession" not in service.actions()


def test_listening_writes_what_was_heard(tmp_path: Path, speech: str) -> None:
    class OneChunk(FakeService):
        async def _heartbeat(self, connection, request) -> None:  # type: ignore[no-untyped-def]
            await super()._heartbeat(connection, request)
            chunk = load_pcm(Path(speech), AudioFormat())
            timestamp = SystemClock().now_ms() - 200
            message = Audio(
                session_id=SESSION, language="en", epoch=1, seq=0, timestamp=timestamp, audio=chunk
            )
            await connection.send(encode(message), text=True)
            await self.push({"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"})

    out = tmp_path / "heard.wav"
    with server(OneChunk()) as url:
        # A busy machine must not make the chunk late.
        arguments = ("-l", "es", "--out", str(out), "--playout-delay", "5000")
        result = run("listen", SESSION, "--url", url, *arguments)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == ("You are in golden-eagle-427; in es you hear the floor (no interpreter).")
    assert lines[1] == "The session is over: the speaker ended it."
    assert lines[2].startswith("heard: 1 chunk, 0 gaps, 0 late, latency p50 ")
    assert lines[3] == f"What was heard is in {out}"
    assert read_sound(out).samples.tolist() == read_sound(Path(speech)).samples.tolist()


def test_interpreting_reports_what_was_sent_and_heard(speech: str) -> None:
    with server(FakeService()) as url:
        result = run("interpret", SESSION, speech, "--url", url, "--start", "now")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("You interpret into es in golden-eagle-427.\n")
    assert "1 chunk sent" in result.stdout


def test_an_unknown_engine_is_reported_with_the_known_ones() -> None:
    fails(run("interpret", SESSION, "--engine", "psychic"), "unknown engine psychic", "offline")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--engine", "scripted", "--languages", "es,é"), "BCP 47"),
        (("speech.wav", "--engine", "scripted"), "cannot be combined with FILE.wav"),
        (("--engine", "scripted", "--language", "ca"), "cannot be combined with --language"),
        (("--engine", "scripted", "--stay", "--take-over"), "with --take-over, --stay"),
        (("--languages", "es,ca"), "needs --engine"),
    ],
)
def test_options_that_do_not_fit_the_engine_are_rejected(
    arguments: tuple[str, ...], part: str
) -> None:
    result = run("interpret", SESSION, *arguments)
    assert result.exit_code == 2
    assert part in result.stderr


def test_the_enter_key_and_sound_cannot_share_standard_input() -> None:
    result = run("speak", "-", "--wait-enter")
    assert result.exit_code == 2
    assert "both" in result.stderr


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (HandshakeRefusedError(403), "token is wrong"),
        (ConnectionLostError("gone"), "network"),
        (RequestTimeoutError("slow"), "try again"),
        (RequestRefusedError("AUTHENTICATION_REQUIRED", 401, "m", retryable=False), "--token-url"),
        (RequestRefusedError("UNAVAILABLE", 503, "m", retryable=True), "try again"),
        (RequestRefusedError("GATEWAY_FAULT", 500, "m", retryable=True), "try again"),
    ],
)
def test_errors_have_hints(error: ClientError, part: str) -> None:
    assert part in (hint_for(error) or "")


@pytest.mark.parametrize("error", [SoundError("x"), HandshakeRefusedError(500)])
def test_some_errors_have_no_hint(error: ClientError) -> None:
    assert hint_for(error) is None
