"""The audience as a speaker sees it."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cli import notices
from cli.console import Display, describe_audience
from client.connection.websocket import connect
from client.flows.speaker import speak
from client.flows.streaming import StreamReport
from client.playback.capture import Recording
from client.protocol.events import Notice, Notification
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated, SessionStatus
from tests.unit.client.support import STATE, FakeClock, FakeService, serving

STATUS: dict[str, Any] = {
    "type": "sessionStatus",
    "sessionId": "golden-eagle-427",
    "listenerCount": 15,
    "languageDistribution": {"es": 10, "fr": 5},
    "sessionDuration": 60,
    "broadcastState": STATE,
    "timestamp": 1_700_000_000_000,
    "updateReason": "listenerCountChange",
}
SHORT = AudioFormat(chunk_ms=100)


def status(**fields: object) -> SessionStatus:
    return msgspec.convert({**STATUS, **fields}, SessionStatus)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (status(), "15 listeners (es 10, fr 5)"),
        (status(listenerCount=0, languageDistribution={}), "no listeners"),
    ],
)
def test_an_audience_in_words(message: SessionStatus, words: str) -> None:
    assert describe_audience(message) == words


def test_the_line_of_progress_says_who_listens_once_it_is_known() -> None:
    clock, output = FakeClock(), io.StringIO()
    display = Display(Console(file=output, width=100, soft_wrap=True), clock.monotonic)
    report = StreamReport(200, captured=1, sent=1)

    for _ in range(2):
        clock.advance(6_000)
        display.show_sent(report)
        notices.show_notice(display, Notification(status()))

    assert output.getvalue().splitlines() == [
        "speaking: 0.2 s, 1 chunk sent",
        "speaking: 0.2 s, 1 chunk sent, 15 listeners (es 10, fr 5)",
    ]


async def test_a_speaker_is_told_while_speaking() -> None:
    service = FakeService(SHORT)
    told: list[Notice] = []

    async def created(_: SessionCreated) -> None:
        assert service.speaker is not None
        await service.speaker.send(json.dumps(STATUS))

    async with serving(service.handle) as url, connect(url) as connection:
        await speak(
            connection,
            "en",
            lambda audio_format: Recording(bytes(SHORT.chunk_bytes * 2), audio_format),
            audio_format=SHORT,
            on_created=created,
            on_notice=told.append,
        )

    assert told == [Notification(status())]
