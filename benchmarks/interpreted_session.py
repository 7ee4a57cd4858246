"""A session with recorded sentences as its floor, and measurements of what listeners hear."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.figures import percentile
from benchmarks.frame_listener import FrameListener
from benchmarks.speaker import speaker_token
from client.connection.websocket import Connection, connect
from client.protocol.events import AudioReceived
from client.sound.chunks import chunks
from client.sound.whole import to_pcm
from demo.sentences import SENTENCES
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Renders

FORMAT = AudioFormat()
CHUNK_MS = FORMAT.chunk_ms
# Pause between sentences (ms), as speakers leave for interpreters.
_PAUSE_MS = 1_500
# Allows the machine to start its programs and decoder and take its seats.
_MACHINE_START_SECONDS = 60.0
# Warm-up sentences, not measured.
_WARM_UP = 2
# Lets listeners hear the translation of the last sentence.
_DRAIN_SECONDS = 6.0

Interpreters = Callable[[str], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence on the floor; times are ms from the start of the recording."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Sentences separated by pauses, as chunks of s16le."""

    sentences: tuple[SpokenSentence, ...]
    chunks: tuple[bytes, ...]
    chunk_ms: int = CHUNK_MS

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.chunks) * self.chunk_ms / 1000

    @classmethod
    def of_sentences(cls, count: int) -> Speech:
        """Load the first `count` recorded sentences."""
        pause = bytes(FORMAT.sample_rate * _PAUSE_MS // 1000 * FORMAT.frame_bytes)
        pcm, spoken = bytearray(), []
        for sentence in SENTENCES[:count]:
            at = FORMAT.duration_ms(len(pcm))
            spoken.append(SpokenSentence(sentence.text, at, at + sentence.end_of_speech_ms()))
            pcm += to_pcm(sentence.read(), FORMAT) + pause
        pcm += bytes(-len(pcm) % FORMAT.chunk_bytes)
        return cls(tuple(spoken), tuple(chunks(bytes(pcm), FORMAT)))


@dataclass(frozen=True, slots=True)
class Utterance:
    """The first sound of a translated utterance, and when it was received (ms since the epoch)."""

    renders: Renders
    received_at: float


@dataclass
class Measurements:
    """What listeners heard; `began_at` is the time of the first sample (ms since the epoch)."""

    began_at: float = 0.0
    floor_expected: int = 0
    floor_ms: list[float] = field(default_factory=list)
    utterances: dict[str, list[Utterance]] = field(default_factory=dict)

    def clear(self) -> None:
        """Discard all measurements."""
        self.floor_ms.clear()
        self.utterances.clear()

    def latency_ms(self, sentence: SpokenSentence, language: str) -> float | None:
        """Latency from the sentence's end to the first sound of its last utterance, or None."""
        utterance = self._last_of(sentence, language)
        if utterance is None:
            return None
        return utterance.received_at - self.began_at - sentence.end_ms

    def stages(self) -> dict[str, float]:
        """Median duration of each stage (ms), as reported by the interpreter."""
        utterances = [one for several in self.utterances.values() for one in several]
        stages: dict[str, list[float]] = {
            "recognise_p50_ms": [one.renders.recognise_ms for one in utterances],
            "translate_p50_ms": [one.renders.translate_ms for one in utterances],
            "speak_p50_ms": [one.renders.speak_ms for one in utterances],
            "deliver_p50_ms": [_deliver_ms(one) for one in utterances],
        }
        return {name: round(percentile(values, 0.5), 1) for name, values in stages.items()}

    def _last_of(self, sentence: SpokenSentence, language: str) -> Utterance | None:
        start, end = self.began_at + sentence.start_ms, self.began_at + sentence.end_ms
        candidates = [
            utterance
            for utterance in self.utterances.get(language, [])
            if utterance.renders.timestamp < end and utterance.renders.end_timestamp > start
        ]
        return max(candidates, key=lambda one: one.renders.end_timestamp, default=None)


def _deliver_ms(utterance: Utterance) -> float:
    renders = utterance.renders
    before = renders.recognise_ms + renders.translate_ms + renders.speak_ms
    return utterance.received_at - renders.end_timestamp - before


async def run_session(
    endpoints: Endpoints,
    speech: Speech,
    languages: Sequence[str],
    listeners: int,
    interpreters: Interpreters | None = None,
) -> Measurements:
    """Speak to one listener per language and to `listeners` of the floor.

    Raises TimeoutError if the interpreters do not take their seats.
    """
    measurements = Measurements(floor_expected=len(speech.chunks) * listeners)
    async with AsyncExitStack() as stack:
        speaker = await stack.enter_async_context(
            connect(
                endpoints.websocket_url, token=await asyncio.to_thread(speaker_token, endpoints)
            )
        )
        session = await speaker.create_session("en")
        floor = await _join_floor(endpoints, session.session_id, listeners, measurements)
        for listener in floor:
            stack.callback(listener.close)
        interpreted = []
        for language in languages:
            connection = await stack.enter_async_context(connect(endpoints.websocket_url))
            await connection.join(session.session_id, language)
            interpreted.append(connection)
        receiving = [asyncio.create_task(_receive(each, measurements)) for each in interpreted]
        if interpreters is not None:
            await stack.enter_async_context(interpreters(session.session_id))
            await _wait_for_machine(interpreted)
        # Not measured: programs, workers and caches start with the first sentences.
        warm_up = Speech.of_sentences(_WARM_UP)
        await _speak(speaker, warm_up, measurements, 0)
        await asyncio.sleep(_DRAIN_SECONDS)
        measurements.clear()
        await _speak(speaker, speech, measurements, len(warm_up.chunks))
        await asyncio.sleep(_DRAIN_SECONDS)
        await speaker.end_session()
        for task in receiving:
            task.cancel()
        await asyncio.gather(*receiving, return_exceptions=True)
    return measurements


async def _join_floor(
    endpoints: Endpoints, session_id: str, listeners: int, measurements: Measurements
) -> list[FrameListener]:
    def on_chunk(seq: int, timestamp: int, received_at: float) -> None:
        measurements.floor_ms.append(received_at - timestamp - CHUNK_MS)

    floor = []
    for _ in range(listeners):
        join = {"sessionId": session_id, "targetLanguage": "en"}
        listener = FrameListener(endpoints.websocket_url, join, on_chunk)
        await listener.open()
        floor.append(listener)
    return floor


async def _wait_for_machine(listeners: Sequence[Connection]) -> None:
    async with asyncio.timeout(_MACHINE_START_SECONDS):
        while not all(each.state and each.state.channel_source == "machine" for each in listeners):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the measuring tasks consume the events


async def _receive(connection: Connection, measurements: Measurements) -> None:
    known: set[tuple[str, int, int]] = set()
    async for event in connection.events():
        received_at = time.time() * 1000
        if not isinstance(event, AudioReceived) or event.audio.renders is None:
            continue
        renders = event.audio.renders
        key = (event.audio.language, event.audio.epoch, renders.end_timestamp)
        if key not in known:
            known.add(key)
            measurements.utterances.setdefault(event.audio.language, []).append(
                Utterance(renders, received_at)
            )


async def _speak(
    speaker: Connection, speech: Speech, measurements: Measurements, first_seq: int
) -> None:
    measurements.began_at = time.time() * 1000
    for number, chunk in enumerate(speech.chunks):
        captured_at = measurements.began_at + number * CHUNK_MS
        await asyncio.sleep((captured_at + CHUNK_MS) / 1000 - time.time())
        await speaker.send_audio(first_seq + number, round(captured_at), chunk)
