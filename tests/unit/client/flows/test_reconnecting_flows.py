"""Speaker, listener and interpreter over connections that are lost and reopened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from client.connection.reconnecting import reconnecting
from client.connection.websocket import connect
from client.flows.interpreter import Start, interpret
from client.flows.listener import Hooks, listen
from client.flows.speaker import speak
from client.playback.capture import ChunkSource, Recording
from client.playback.interruptions import InterruptionCounts
from client.playback.playout import Playout
from client.protocol.events import Disconnected, Notice, Reconnected
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.unit.client.lines import Line, cut, steadfast
from tests.unit.client.support import FakeClock, FakeService, serving

SESSION = "golden-eagle-427"
SHORT = AudioFormat(chunk_ms=100)


def _recording(chunks: int) -> Callable[[AudioFormat], ChunkSource]:
    return lambda audio_format: Recording(bytes(chunks * SHORT.chunk_bytes), audio_format)


class Noted:
    """The notices so far; `seen` waits for one."""

    def __init__(self) -> None:
        self.kinds: list[type[Notice]] = []
        self._changed = asyncio.Event()

    def __call__(self, notice: Notice) -> None:
        self.kinds.append(type(notice))
        self._changed.set()

    async def seen(self, kind: type[Notice]) -> None:
        while kind not in self.kinds:
            self._changed.clear()
            await self._changed.wait()


async def test_audio_captured_while_disconnected_is_dropped_and_counted() -> None:
    """The speaker's clock goes on: 1.5 s without a connection cost the chunks of that time."""
    service, clock, noted, over = FakeService(SHORT), FakeClock(), Noted(), asyncio.Event()
    cut_at: list[float] = []

    async def speaking(seconds: float) -> None:
        await clock.sleep(seconds)
        if not cut_at and clock.ms >= 1_000:
            cut_at.append(clock.ms)
            await cut(service)
            await noted.seen(Disconnected)
        if cut_at and clock.ms >= cut_at[0] + 1_500:
            over.set()
            await noted.seen(Reconnected)

    async def away(seconds: float) -> None:
        await over.wait()

    async with (
        serving(service.handle) as url,
        reconnecting(Line(url).open, clock=clock, sleep=away) as connection,
    ):
        report = await speak(
            connection,
            "en",
            _recording(40),
            audio_format=SHORT,
            on_notice=noted,
            clock=clock,
            sleep=speaking,
        )
    stream = report.stream
    assert stream.captured == stream.sent + stream.dropped == 40
    assert 14 <= stream.dropped <= 16
    assert noted.kinds == [Disconnected, Reconnected]
    sent = [request["seq"] for request in service.requests if request["action"] == "sendAudio"]
    assert sent == sorted(set(sent))
    assert sent[-1] == 39
    assert service.actions()[-1] == "endSession"


async def test_a_listener_hears_on_after_its_own_return() -> None:
    service, clock, notices = FakeService(SHORT), FakeClock(), list[Notice]()
    seated, heard = asyncio.Event(), asyncio.Event()

    def progress(playout: Playout) -> None:
        if playout.stats().counts.received:
            heard.set()

    def noted(notice: Notice) -> None:
        notices.append(notice)
        if isinstance(notice, Reconnected):
            seated.set()

    async with steadfast(service, clock) as (connection, line), connect(line.url) as speaker:
        created: SessionCreated = await speaker.create_session("en")
        hearing = asyncio.create_task(
            listen(
                connection,
                created.session_id,
                "fr",
                playout_delay_ms=5_000,
                hooks=Hooks(lambda joined: seated.set(), progress, noted),
            )
        )
        await seated.wait()
        seated.clear()
        await speaker.send_audio(0, clock.now_ms(), bytes(100))
        await heard.wait()
        for listener in service.everyone():
            if listener is not service.speaker:
                listener.transport.abort()
                await listener.wait_closed()
        await seated.wait()
        await speaker.send_audio(3, clock.now_ms(), bytes(100))
        await speaker.end_session()
        stats = await hearing
    assert [type(notice) for notice in notices[:2]] == [Disconnected, Reconnected]
    assert (stats.counts.played, stats.counts.gap_chunks) == (2, 2)
    assert stats.interruptions == InterruptionCounts(1, 0, 2, 2 * SHORT.chunk_ms)


async def test_an_interpreter_speaks_on_after_its_own_return() -> None:
    service, clock, noted = FakeService(SHORT), FakeClock(), Noted()
    async with steadfast(service, clock) as (connection, _):

        async def speaking(seconds: float) -> None:
            await clock.sleep(seconds)
            if not noted.kinds:
                await cut(service)
                await noted.seen(Reconnected)

        report = await interpret(
            connection,
            SESSION,
            "es",
            _recording(20),
            start=Start.NOW,
            hooks=Hooks(on_notice=noted),
            clock=clock,
            sleep=speaking,
        )
    assert report.stream.sent + report.stream.dropped == 20
    assert noted.kinds == [Disconnected, Reconnected]
    assert service.actions()[-1] == "leaveSession"


async def test_rejoining_a_session_by_link_sends_its_secret_again() -> None:
    service, clock = FakeService(SHORT), FakeClock()
    async with steadfast(service, clock) as (connection, line), connect(line.url) as speaker:
        created: SessionCreated = await speaker.create_session("en")
        await connection.join(f"{created.session_id}#s3cret", "fr")
        for listener in service.everyone():
            if listener is not service.speaker:
                listener.transport.abort()
                await listener.wait_closed()
        async for event in connection.events():
            if isinstance(event, Reconnected):
                break
    joins = [each for each in service.requests if each["action"] == "joinSession"]
    assert [(join["sessionId"], join["secret"]) for join in joins] == [
        (created.session_id, "s3cret")
    ] * 2
