"""Interpreters of a language: stand-by, takeover and handover."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from cli import notices
from cli.console import Display, describe_stream
from client.connection.websocket import connect
from client.flows.interpreter import InterpretReport, Start, interpret
from client.flows.listener import Hooks
from client.flows.streaming import StreamReport
from client.playback.capture import ChunkSource, Recording
from client.playback.wav import WavWriter
from client.protocol.events import Notice, Notification
from shared.models.audio_format import AudioFormat
from shared.protocol.interpretation_messages import InterpreterLease
from tests.unit.cli.command_line import run, server
from tests.unit.client.protocol.test_leases import lease, told
from tests.unit.client.support import JOINED, T0, FakeService, serving

SHORT = AudioFormat(chunk_ms=100)
SESSION = "golden-eagle-427"
CHUNKS = 4


class Turns(FakeService):
    """A session whose Spanish has an interpreter already, unless `free`."""

    def __init__(self, *, free: bool = False, standbys: int = 0) -> None:
        super().__init__(SHORT)
        self.free = free
        self.standbys = standbys
        self.displaces_after: int | None = None  # so many chunks
        self.refuses: str | None = None  # what chunks are refused with
        self.chunks = 0
        self.interpreter: ServerConnection | None = None

    async def _joinSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self.interpreter = connection
        joined = {**JOINED, "role": "interpreter", "audioFormat": self.audio_format}
        joined["lease"] = lease(holds=self.free, standbys=self.standbys)
        await self._reply(connection, request, joined)

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        await self._reply(connection, request, {"type": "heartbeatAck", "timestamp": T0})

    async def _takeOver(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        await self._reply(connection, request, told("takenOver", holds=True, epoch=5))

    async def _handOver(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        error = {"type": "error", "status": 409, "code": "NO_STANDBY", "message": "m"}
        await self._reply(connection, request, {**error, "retryable": False})

    async def _sendAudio(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self.chunks += 1
        if self.chunks == self.displaces_after:
            await self.push_lease("takenOver", holds=False)
        if self.refuses:
            error = {"type": "error", "status": 403, "code": self.refuses, "message": "m"}
            await self._reply(connection, request, {**error, "retryable": False})

    async def push_lease(self, reason: str, **of_lease: Any) -> None:
        assert self.interpreter is not None
        await self.interpreter.send(json.dumps(told(reason, **of_lease)))


def _source(audio_format: AudioFormat) -> ChunkSource:
    return Recording(bytes([9]) * SHORT.chunk_bytes * CHUNKS, audio_format)


class Hesitant(Recording):
    """Sends its first chunk, and continues after the first notice."""

    def __init__(self, told: asyncio.Event, audio_format: AudioFormat) -> None:
        super().__init__(bytes([9]) * SHORT.chunk_bytes * CHUNKS, audio_format)
        self._told = told

    async def __aiter__(self) -> AsyncIterator[bytes]:
        first, *rest = self.chunks
        yield first
        await self._told.wait()
        for chunk in rest:
            yield chunk


async def _interpret(
    service: Turns,
    reasons: list[str] | None = None,
    *,
    standby: bool = False,
    take_over: bool = False,
    hesitant: bool = False,
) -> InterpretReport:
    seated, heard_news = asyncio.Event(), asyncio.Event()

    def noticed(notice: Notice) -> None:
        if isinstance(notice, Notification) and isinstance(notice.message, InterpreterLease):
            heard_news.set()
            if reasons is not None:
                reasons.append(notice.message.reason)

    def opened(audio_format: AudioFormat) -> ChunkSource:
        return Hesitant(heard_news, audio_format) if hesitant else _source(audio_format)

    async with serving(service.handle) as url, connect(url) as connection:
        hooks = Hooks(on_joined=lambda joined: seated.set(), on_notice=noticed)
        flow = interpret(
            connection,
            SESSION,
            "es",
            opened,
            start=Start.NOW,
            standby=standby,
            take_over=take_over,
            hooks=hooks,
        )
        interpreting = asyncio.create_task(flow)
        await seated.wait()
        if standby:
            await connection.heartbeat()
            assert service.chunks == 0, "it waits"
            await service.push_lease("promoted", holds=True, epoch=2)
        async with asyncio.timeout(30):
            return await interpreting


async def test_a_standby_sends_once_promoted() -> None:
    service, reasons = Turns(), list[str]()
    report = await _interpret(service, reasons, standby=True)
    assert (report.stream.sent, report.stream.off_air) == (CHUNKS, 0)
    assert service.requests[0]["standby"] is True
    assert reasons == ["promoted"]
    assert service.actions()[-1] == "leaveSession"
    assert "handOver" not in service.actions(), "nobody waits"


async def test_an_interpreter_who_takes_over_sends_at_once() -> None:
    service, reasons = Turns(), list[str]()
    report = await _interpret(service, reasons, take_over=True)
    assert report.stream.sent == CHUNKS
    assert service.actions()[:2] == ["joinSession", "takeOver"]
    assert reasons == ["takenOver"]


async def test_a_free_channel_needs_no_takeover() -> None:
    service = Turns(free=True)
    await _interpret(service, take_over=True)
    assert "takeOver" not in service.actions()


class Congested(Turns):
    """Asks for chunks of 200 ms after the first one, and notes each chunk's duration."""

    def __init__(self) -> None:
        super().__init__(free=True)
        self.chunk_ms: list[int | None] = []

    async def _sendAudio(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        await super()._sendAudio(connection, request)
        self.chunk_ms.append(request.get("chunkMs"))
        if self.chunks == 1:
            hint = {"type": "audioFormatHint", "sessionId": SESSION, "chunkMs": 200}
            await connection.send(json.dumps(hint))


async def test_an_interpreter_sends_longer_chunks_on_request() -> None:
    service, told = Congested(), asyncio.Event()
    async with serving(service.handle) as url, connect(url) as connection:
        report = await interpret(
            connection,
            SESSION,
            "es",
            lambda audio_format: Hesitant(told, audio_format),
            start=Start.NOW,
            hooks=Hooks(on_notice=lambda notice: told.set()),
        )
    assert service.chunk_ms == [None, 200, None]
    assert report.stream.sent == CHUNKS


async def test_a_displaced_interpreter_sends_nothing_until_promoted() -> None:
    service, reasons = Turns(free=True), list[str]()
    service.displaces_after = 1
    report = await _interpret(service, reasons, hesitant=True)
    assert report.ended is None
    assert (report.stream.sent, report.stream.off_air) == (1, CHUNKS - 1)
    assert reasons == ["takenOver"]
    assert service.actions()[-1] == "leaveSession"


async def test_a_refusal_before_the_lease_message_does_not_end_the_stream() -> None:
    service = Turns(free=True)
    service.refuses = "FORBIDDEN"
    report = await _interpret(service)
    assert (report.stream.sent, report.stream.refused) == (CHUNKS, CHUNKS)


async def test_after_the_source_ends_the_interpreter_hands_over_and_leaves() -> None:
    service = Turns(free=True, standbys=1)
    await _interpret(service)
    assert service.actions()[-2:] == ["handOver", "leaveSession"]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            told("promoted", holds=True),
            "You interpret into es now, because the previous interpreter is gone.",
        ),
        (
            told("handedOver", holds=True),
            "You interpret into es now: the previous interpreter handed over to you.",
        ),
        (told("takenOver", holds=True), "You interpret into es now."),
        (
            told("takenOver", holds=False),
            "Another interpreter has taken over es. You are now a stand-by.",
        ),
        (told("handedOver", holds=False), "You have handed over es. You are now a stand-by."),
        (
            told("expired", holds=False),
            "You have lost es: the service did not hear from you in time. You are now a stand-by.",
        ),
    ],
)
def test_turns_in_words(
    message: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notices.show_notice(Display(), Notification(msgspec.convert(message, InterpreterLease)))
    assert capsys.readouterr().out == line + "\n"


def test_unsent_chunks_are_reported() -> None:
    line = describe_stream(StreamReport(200, captured=5, sent=2, off_air=3), "spoken")
    assert line == (
        "spoken: 1.0 s, 2 chunks sent, 3 not sent while another interpreter was the voice"
    )


def test_a_person_at_a_terminal_waits(tmp_path: Path) -> None:
    class Promoting(Turns):
        async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
            await super()._heartbeat(connection, request)
            await self.push_lease("promoted", holds=True, epoch=2)

    sound = tmp_path / "speech.wav"
    with WavWriter(sound, 16_000) as writer:
        writer.write(bytes(6_400))
    with server(Promoting()) as url:
        result = run("interpret", SESSION, str(sound), "--url", url, "--start", "now", "--standby")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == [
        "You are a stand-by for es in golden-eagle-427.",
        "You interpret into es now, because the previous interpreter is gone.",
    ]
