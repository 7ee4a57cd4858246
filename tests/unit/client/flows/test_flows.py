"""Complete speaker, listener and interpreter flows, against a service in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from client.connection.websocket import connect
from client.errors import RequestRefusedError, SoundError
from client.flows.interpreter import InterpretReport, Start, interpret
from client.flows.listener import Hooks, listen
from client.flows.speaker import OpenSource, SpeakReport, speak
from client.playback.capture import ChunkSource, Recording
from client.playback.playout import ListenStats
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated, SessionJoined
from tests.unit.client.support import FakeService, serving

SHORT = AudioFormat(chunk_ms=100)
SESSION = "golden-eagle-427"
TOLERANT_MS = 5_000  # a busy machine must not make a chunk late


class Memory:
    """A sink that records its input."""

    def __init__(self) -> None:
        self.pcm = bytearray()

    def write(self, pcm: bytes) -> None:
        self.pcm += pcm

    def silence(self, duration_ms: float) -> None:
        self.pcm += b"?"


def _pcm(mark: int, chunks: int = 3) -> bytes:
    return bytes([mark]) * (SHORT.chunk_bytes * chunks)


def _recording(pcm: bytes) -> OpenSource:
    def opened(audio_format: AudioFormat) -> ChunkSource:
        return Recording(pcm, audio_format)

    return opened


async def _speak(url: str, pcm: bytes, ready: Callable[[], Awaitable[object]]) -> SpeakReport:
    async def created(session: SessionCreated) -> None:
        await ready()

    async with connect(url) as connection:
        return await speak(
            connection, "en", _recording(pcm), audio_format=SHORT, on_created=created
        )


class Ears:
    """A listener in the background; `joined` is set once it is in the session."""

    def __init__(self, url: str, language: str) -> None:
        self.sink = Memory()
        self.joined = asyncio.Event()
        self._url = url
        self._language = language

    def _note(self, reply: SessionJoined) -> None:
        self.joined.set()

    async def run(self, seconds: float | None = None) -> ListenStats:
        async with connect(self._url) as connection:
            return await listen(
                connection,
                SESSION,
                self._language,
                open_sink=lambda audio_format: self.sink,
                playout_delay_ms=TOLERANT_MS,
                seconds=seconds,
                hooks=Hooks(on_joined=self._note),
            )


async def test_a_listener_hears_what_the_speaker_says() -> None:
    service = FakeService(SHORT)
    async with serving(service.handle) as url:
        ears = Ears(url, "fr")
        listening = asyncio.create_task(ears.run())
        report = await _speak(url, _pcm(7), ears.joined.wait)
        stats = await listening
    assert (report.stream.sent, report.stream.dropped, report.ended_early) == (3, 0, None)
    assert bytes(ears.sink.pcm) == _pcm(7)
    assert (stats.counts.played, stats.counts.gaps, stats.language) == (3, 0, "en")
    assert stats.latency is not None
    assert service.actions()[-1] == "endSession"


async def test_an_interpreter_is_heard_in_its_language_and_hears_the_floor() -> None:
    service = FakeService(SHORT)
    async with serving(service.handle) as url:
        spanish, english = Ears(url, "es"), Ears(url, "en")
        floor, seated = Memory(), asyncio.Event()

        async def interpreting() -> InterpretReport:
            async with connect(url) as connection:
                return await interpret(
                    connection,
                    SESSION,
                    "es",
                    _recording(_pcm(9, 2)),
                    start=Start.FLOOR,
                    stay=True,
                    open_sink=lambda audio_format: floor,
                    playout_delay_ms=TOLERANT_MS,
                    hooks=Hooks(on_joined=lambda joined: seated.set()),
                )

        voice = asyncio.create_task(interpreting())
        await seated.wait()
        listening = [asyncio.create_task(ears.run()) for ears in (spanish, english)]

        async def everyone() -> None:
            await asyncio.gather(spanish.joined.wait(), english.joined.wait())

        await _speak(url, _pcm(7, 4), everyone)
        report = await voice
        await asyncio.gather(*listening)
    assert (report.stream.sent, report.ended) == (2, "ended")
    assert bytes(spanish.sink.pcm) == _pcm(9, 2)
    assert bytes(english.sink.pcm) == _pcm(7, 4)
    assert bytes(floor.pcm) == _pcm(7, 4)


async def test_an_interpreter_that_is_through_leaves() -> None:
    service = FakeService(SHORT)
    async with serving(service.handle) as url, connect(url) as connection:
        report = await interpret(connection, SESSION, "es", _recording(_pcm(9, 1)), start=Start.NOW)
    assert (report.stream.sent, report.ended) == (1, None)
    assert service.actions()[-2:] == ["sendAudio", "leaveSession"]


async def test_listening_for_a_time_ends_by_itself() -> None:
    async with serving(FakeService(SHORT).handle) as url:
        stats = await Ears(url, "es").run(seconds=0.05)
    assert stats.counts.received == 0


async def test_a_chunk_that_may_not_be_sent_ends_the_broadcast() -> None:
    class Refusing(FakeService):
        async def _sendAudio(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            error = {"type": "error", "status": 403, "code": "FORBIDDEN", "message": "no"}
            error |= {"retryable": False, "action": "sendAudio"}
            await self._reply(connection, request, error)

    service = Refusing(SHORT)
    async with serving(service.handle) as url:
        with pytest.raises(RequestRefusedError, match="FORBIDDEN"):
            await _speak(url, _pcm(7, 600), lambda: asyncio.sleep(0))


async def test_a_session_that_others_end_is_reported() -> None:
    class Ending(FakeService):
        async def _sendAudio(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            ended = {"type": "sessionEnded", "sessionId": SESSION, "reason": "speakerLeft"}
            await self._reply(connection, {}, ended)

    async with serving(Ending(SHORT).handle) as url:
        report = await _speak(url, _pcm(7, 600), lambda: asyncio.sleep(0))
    assert report.ended_early == "speakerLeft"


async def test_an_interrupted_speaker_ends_the_session() -> None:
    service = FakeService(SHORT)
    async with serving(service.handle) as url:
        created = asyncio.Event()

        async def ready() -> None:
            created.set()
            await asyncio.Event().wait()

        speaking = asyncio.create_task(_speak(url, _pcm(7), ready))
        await created.wait()
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
    assert service.actions() == ["createSession", "endSession"]


async def test_an_interrupted_listener_has_heard_what_arrived() -> None:
    async with serving(FakeService(SHORT).handle) as url:
        ears = Ears(url, "en")
        listening = asyncio.create_task(ears.run())

        async def interrupt() -> None:
            await ears.joined.wait()

        await _speak_and_cancel(url, listening, interrupt)
    assert bytes(ears.sink.pcm).startswith(_pcm(7, 1))


async def _speak_and_cancel(
    url: str, listening: asyncio.Task[ListenStats], ready: Callable[[], Awaitable[object]]
) -> None:
    async with connect(url) as connection:

        async def created(session: SessionCreated) -> None:
            await ready()

        await speak(
            connection, "en", _recording(_pcm(7)), audio_format=SHORT, on_created=created, end=False
        )
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


class Damaged:
    """A file that cannot be decoded to its end."""

    live = False
    total = 9

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield _pcm(1, 1)
        raise SoundError("talk.flac: damaged")


async def test_a_file_that_is_damaged_half_way_ends_the_session() -> None:
    service = FakeService()
    async with serving(service.handle) as url, connect(url) as connection:
        with pytest.raises(SoundError, match="damaged"):
            await speak(connection, "en", lambda audio_format: Damaged(), audio_format=SHORT)
    assert service.actions()[-1] == "endSession"
