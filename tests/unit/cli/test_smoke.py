"""The smoke test, against fake services with one fault each."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from cli.options import Connector
from cli.smoke.audio import tone
from cli.smoke.hints import step_hint
from cli.smoke.report import SmokeReport, as_json
from cli.smoke.run import Plan, smoke
from client.errors import (
    ClientError,
    ConnectionLostError,
    HandshakeRefusedError,
    RequestRefusedError,
    RequestTimeoutError,
    TokenError,
    UnreachableError,
)
from shared.models.audio_format import AudioFormat
from tests.unit.client.support import FakeClock, FakeService, serving

TOKEN = "header.payload.signature"
LOCAL = "ws://127.0.0.1:8765/dev"
DEPLOYED = "wss://abc.execute-api.eu-central-1.amazonaws.com/prod"
PLAN = Plan(seconds=1, chunk_ms=100, patience_seconds=5)
NAMES = [step.name for step in PLAN.steps()]


class Time(FakeClock):
    """Advances at once, but lets the sockets run."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds * 1000)
        for _ in range(20):
            await asyncio.sleep(0)


async def _smoke(service: FakeService, plan: Plan = PLAN) -> SmokeReport:
    service.audio_format["chunkMs"] = plan.chunk_ms
    time = Time()
    async with serving(service.handle) as url:
        connector = Connector(f"{url}?token=secret", TOKEN, None, None, ("speakers",))
        return await smoke(connector, plan, clock=time, sleep=time.sleep)


def _failed(report: SmokeReport, name: str, actual: str, hint: str) -> None:
    assert not report.ok
    assert report.failure is not None
    assert report.failure.name == name
    assert actual in (report.failure.actual or "")
    assert hint in (report.failure.hint or "")
    done = NAMES.index(name)
    assert [step.status for step in report.steps[:done]] == ["ok"] * done
    assert {step.status for step in report.steps[done + 1 :]} <= {"not run"}


async def test_a_working_stack_passes() -> None:
    service = FakeService()
    report = await _smoke(service)
    assert report.ok, report.failure
    assert report.failure is None
    assert [(language, found.count) for language, found in report.latencies.items()] == [
        ("en", 10),
        ("es", 10),
        ("fr", 3),
    ]
    assert service.actions()[-1] == "endSession"
    assert service.actions().count("endSession") == 1


async def test_the_json_report_is_complete_and_contains_no_secrets() -> None:
    text = as_json(await _smoke(FakeService()))
    report = json.loads(text)
    assert report["ok"] is True
    assert [step["name"] for step in report["steps"]] == NAMES
    assert all(step["ms"] >= 0 for step in report["steps"])
    assert set(report["latencyMs"]["es"]) == {"chunks", "p50", "p95", "max"}
    for secret in ("secret", TOKEN):
        assert secret not in text


def test_every_chunk_sounds_different() -> None:
    for encoding_ms in (100, 200):
        audio_format = AudioFormat(chunk_ms=encoding_ms)
        chunks = [tone(number, audio_format) for number in range(100)]
        assert len(set(chunks)) == 100
        assert {len(chunk) for chunk in chunks} == {audio_format.chunk_bytes}


class Tampering(FakeService):
    """Tampers with chunk 8 for listeners in Spanish; here, drops it."""

    async def deliver(self, to: ServerConnection, wanted: str, chunk: dict[str, Any]) -> None:
        if (wanted, chunk["seq"]) == ("es", 8):
            await self.tamper(to, chunk)
        else:
            await super().deliver(to, wanted, chunk)

    async def tamper(self, to: ServerConnection, chunk: dict[str, Any]) -> None:
        """Lose it."""


class Doubling(Tampering):
    async def tamper(self, to: ServerConnection, chunk: dict[str, Any]) -> None:
        await to.send(json.dumps(chunk))
        await to.send(json.dumps(chunk))


class Spoiling(Tampering):
    async def tamper(self, to: ServerConnection, chunk: dict[str, Any]) -> None:
        await to.send(json.dumps({**chunk, "audio": "AAAA"}))


class Delaying(Tampering):
    async def tamper(self, to: ServerConnection, chunk: dict[str, Any]) -> None:
        await to.send(json.dumps({**chunk, "timestamp": chunk["timestamp"] - 9_000}))


@pytest.mark.parametrize(
    ("service", "actual"),
    [
        (Tampering, "1 of 10 missing: chunk 8"),
        (Doubling, "1 arrived twice"),
        (Spoiling, "1 of 10 changed in transit: chunk 8"),
        (Delaying, "1 of 10 too late to play: chunk 8"),
    ],
)
async def test_each_chunk_must_arrive_once_in_time_and_unchanged(
    service: type[FakeService], actual: str
) -> None:
    report = await _smoke(service(), replace(PLAN, patience_seconds=0.5))
    _failed(report, "es hears", actual, "log of audio_processor")


async def test_chunks_may_overtake_each_other() -> None:
    class Swapping(Tampering):
        kept: dict[str, Any] | None = None

        async def tamper(self, to: ServerConnection, chunk: dict[str, Any]) -> None:
            self.kept = chunk

        async def deliver(self, to: ServerConnection, wanted: str, chunk: dict[str, Any]) -> None:
            await super().deliver(to, wanted, chunk)
            if wanted == "es" and chunk["seq"] == 9:
                await to.send(json.dumps(self.kept))

    assert (await _smoke(Swapping())).ok


class Silent(FakeService):
    async def deliver(self, to: ServerConnection, wanted: str, chunk: dict[str, Any]) -> None:
        """Lose everything."""


async def test_missing_sound_is_reported_and_the_session_ended() -> None:
    service = Silent()
    report = await _smoke(service)
    _failed(report, "first sound", "no sound in en and es", "no audio: see the")
    assert service.actions()[-1] == "endSession"


async def test_refused_audio_is_reported() -> None:
    class Refusing(FakeService):
        async def _sendAudio(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            error = {"type": "error", "status": 503, "code": "UNAVAILABLE", "message": "m"}
            error |= {"retryable": True, "action": "sendAudio"}
            await self._reply(connection, request, error)

    report = await _smoke(Refusing())
    _failed(report, "first sound", "the service replied UNAVAILABLE: m", "audio_processor")


class HangsUp(FakeService):
    """Ends the speaker's connection in the middle of the sound."""

    async def _sendAudio(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        if request["seq"] >= 3:
            await connection.close(1001)
        else:
            await super()._sendAudio(connection, request)


async def test_a_connection_that_closes_while_sending_is_reported() -> None:
    report = await _smoke(HangsUp())
    _failed(report, "en hears", "the server closed the connection, code 1001", "")


async def test_a_missing_session_ended_message_fails() -> None:
    class Secretive(FakeService):
        async def push(self, message: dict[str, Any]) -> None:
            """Tell nobody."""

    report = await _smoke(Secretive(), replace(PLAN, patience_seconds=0.5))
    _failed(report, "endSession", "no sessionEnded to the listener in en", "log of control")


async def test_a_forbidden_speaker_is_reported() -> None:
    class Strict(FakeService):
        async def _createSession(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            error = {"type": "error", "status": 403, "code": "FORBIDDEN", "message": "m"}
            await self._reply(connection, request, {**error, "retryable": False})

    report = await _smoke(Strict())
    _failed(report, "createSession", "FORBIDDEN: m", "not in the group `speakers`")


async def test_the_whole_test_has_a_timeout() -> None:
    class Mute(FakeService):
        async def _createSession(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            """Never answer."""

    report = await _smoke(Mute(), replace(PLAN, timeout_seconds=0.2))
    _failed(report, "createSession", "no result within the test's 0.2 s", "log of control")


@pytest.mark.parametrize(
    ("stage", "hint"),
    [("dev", "the token is expired"), ("prod", "the URL names no stage of this API")],
)
async def test_a_refused_handshake_is_attributed_to_token_or_url(stage: str, hint: str) -> None:
    def check(connection: ServerConnection, request: Request) -> Response | None:
        asked = urlsplit(request.path)
        right = asked.path == "/dev" and "token" not in parse_qs(asked.query)
        return None if right else connection.respond(403, "Forbidden")

    async with serve(FakeService().handle, "127.0.0.1", 0, process_request=check) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        connector = Connector(f"ws://127.0.0.1:{port}/{stage}", TOKEN, None, None, ("speakers",))
        report = await smoke(connector, PLAN)
    _failed(report, "speaker connects", "HTTP status 403", hint)


@pytest.mark.parametrize(("token_opens", "step"), [(True, "en joins"), (False, "speaker connects")])
async def test_an_api_that_requires_tokens_of_all_is_distinguished_from_a_wrong_stage(
    token_opens: bool, step: str
) -> None:
    """As API Gateway would, if it took an empty list of identity sources for a missing one."""

    def check(connection: ServerConnection, request: Request) -> Response | None:
        given = "token" in parse_qs(urlsplit(request.path).query)
        return None if given and token_opens else connection.respond(401, "Unauthorized")

    service = FakeService()
    service.audio_format["chunkMs"] = PLAN.chunk_ms
    async with serve(service.handle, "127.0.0.1", 0, process_request=check) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        connector = Connector(f"ws://127.0.0.1:{port}/dev", TOKEN, None, None, ("speakers",))
        report = await smoke(connector, PLAN)
    _failed(report, step, "HTTP status 401", "--context identitySource=host")


async def test_a_deployed_stack_requires_a_token() -> None:
    report = await smoke(Connector(DEPLOYED, None, None, None, ("speakers",)))
    _failed(report, "token", "none", "docs/operations.md says how to get one")


@pytest.mark.parametrize(
    ("fault", "url", "hint"),
    [
        (UnreachableError("u"), LOCAL, "`make run`"),
        (UnreachableError("u"), DEPLOYED, "output WebSocketUrl"),
        (HandshakeRefusedError(429), DEPLOYED, "raise the quota"),
        (HandshakeRefusedError(502), DEPLOYED, "/aws/lambda/lingocast-prod-connect"),
        (RequestTimeoutError("t"), DEPLOYED, "/aws/lambda/lingocast-prod-control"),
        (RequestTimeoutError("t"), LOCAL, ".local/logs"),
        (RequestRefusedError("INTERNAL", 500, "m", retryable=False), LOCAL, "log of control"),
        (
            RequestRefusedError("AUTHENTICATION_REQUIRED", 401, "m", retryable=False),
            LOCAL,
            "--token-url with the URL that the local server printed",
        ),
        (
            RequestRefusedError("AUTHENTICATION_REQUIRED", 401, "m", retryable=False),
            DEPLOYED,
            "docs/operations.md",
        ),
        (TokenError("t"), LOCAL, "--token-url"),
        (ConnectionLostError("c"), LOCAL, "check the network"),
    ],
)
def test_hints_match_the_error_and_the_stack(fault: ClientError, url: str, hint: str) -> None:
    assert hint in (step_hint(fault, url) or "")
