"""A session with recorded sentences on its floor: what its listeners hear, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.figures import percentile
from benchmarks.frame_listener import FrameListener
from benchmarks.live import speaker_token
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
# Between two sentences, as long as a speaker who is interpreted leaves (ms).
_PAUSE_MS = 1_500
# Until the machine has taken its seats; it starts programs and a decoder.
_SEATED_SECONDS = 60.0
# Sentences before those that count.
_PRELUDE = 2
# After the last sentence, for what is still being spoken.
_REST_SECONDS = 6.0

Interpreters = Callable[[str], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence on the floor; times are ms from the beginning of the recording."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Sentences one after the other, with pauses, as chunks of s16le."""

    sentences: tuple[Spoken, ...]
    chunks: tuple[bytes, ...]
    chunk_ms: int = CHUNK_MS

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.chunks) * self.chunk_ms / 1000

    @classmethod
    def of_sentences(cls, count: int) -> Speech:
        """The first `count` recorded sentences."""
        pause = bytes(FORMAT.sample_rate * _PAUSE_MS // 1000 * FORMAT.frame_bytes)
        pcm, spoken = bytearray(), []
        for sentence in SENTENCES[:count]:
            at = FORMAT.duration_ms(len(pcm))
            spoken.append(Spoken(sentence.text, at, at + sentence.end_of_speech_ms()))
            pcm += to_pcm(sentence.read(), FORMAT) + pause
        pcm += bytes(-len(pcm) % FORMAT.chunk_bytes)
        return cls(tuple(spoken), tuple(chunks(bytes(pcm), FORMAT)))


@dataclass(frozen=True, slots=True)
class Utterance:
    """The first sound of a translated utterance, and when it was received (ms since the epoch)."""

    renders: Renders
    received_at: float


@dataclass
class Heard:
    """What was heard in one performance; `began_at` (ms since the epoch) is the first sample's."""

    began_at: float = 0.0
    floor_expected: int = 0
    floor_ms: list[float] = field(default_factory=list)
    utterances: dict[str, list[Utterance]] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin anew."""
        self.floor_ms.clear()
        self.utterances.clear()

    def latency_ms(self, sentence: Spoken, language: str) -> float | None:
        """From the sentence's end to the first sound of its last utterance; None if that is
        missing.
        """
        utterance = self._last_of(sentence, language)
        if utterance is None:
            return None
        return utterance.received_at - self.began_at - sentence.end_ms

    def stages(self) -> dict[str, float]:
        """The medians of what each stage took, as the interpreter says (ms)."""
        all_of_them = [one for several in self.utterances.values() for one in several]
        stages: dict[str, list[float]] = {
            "recognise_p50_ms": [one.renders.recognise_ms for one in all_of_them],
            "translate_p50_ms": [one.renders.translate_ms for one in all_of_them],
            "speak_p50_ms": [one.renders.speak_ms for one in all_of_them],
            "deliver_p50_ms": [_deliver_ms(one) for one in all_of_them],
        }
        return {name: round(percentile(values, 0.5), 1) for name, values in stages.items()}

    def _last_of(self, sentence: Spoken, language: str) -> Utterance | None:
        start, end = self.began_at + sentence.start_ms, self.began_at + sentence.end_ms
        of_it = [
            utterance
            for utterance in self.utterances.get(language, [])
            if utterance.renders.timestamp < end and utterance.renders.end_timestamp > start
        ]
        return max(of_it, key=lambda one: one.renders.end_timestamp, default=None)


def _deliver_ms(utterance: Utterance) -> float:
    renders = utterance.renders
    before = renders.recognise_ms + renders.translate_ms + renders.speak_ms
    return utterance.received_at - renders.end_timestamp - before


async def perform(
    endpoints: Endpoints,
    speech: Speech,
    languages: Sequence[str],
    listeners: int,
    interpreters: Interpreters | None = None,
) -> Heard:
    """Speak once, to one listener a language and `listeners` of the floor.

    Raises TimeoutError if the interpreters do not take their seats.
    """
    heard = Heard(floor_expected=len(speech.chunks) * listeners)
    async with AsyncExitStack() as stack:
        speaker = await stack.enter_async_context(
            connect(
                endpoints.websocket_url, token=await asyncio.to_thread(speaker_token, endpoints)
            )
        )
        session = await speaker.create_session("en")
        floor = await _floor(endpoints, session.session_id, listeners, heard)
        for listener in floor:
            stack.callback(listener.close)
        others = []
        for language in languages:
            connection = await stack.enter_async_context(connect(endpoints.websocket_url))
            await connection.join(session.session_id, language)
            others.append(connection)
        hearing = [asyncio.create_task(_hear(each, heard)) for each in others]
        if interpreters is not None:
            await stack.enter_async_context(interpreters(session.session_id))
            await _seated(others)
        # Not counted: programs, workers and caches start with the first sentences.
        prelude = Speech.of_sentences(_PRELUDE)
        await _speak(speaker, prelude, heard, 0)
        await asyncio.sleep(_REST_SECONDS)
        heard.forget()
        await _speak(speaker, speech, heard, len(prelude.chunks))
        await asyncio.sleep(_REST_SECONDS)
        await speaker.end_session()
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
    return heard


async def _floor(
    endpoints: Endpoints, session_id: str, listeners: int, heard: Heard
) -> list[FrameListener]:
    def note(seq: int, timestamp: int, received_at: float) -> None:
        heard.floor_ms.append(received_at - timestamp - CHUNK_MS)

    floor = []
    for _ in range(listeners):
        join = {"sessionId": session_id, "targetLanguage": "en"}
        listener = FrameListener(endpoints.websocket_url, join, note)
        await listener.open()
        floor.append(listener)
    return floor


async def _seated(others: Sequence[Connection]) -> None:
    async with asyncio.timeout(_SEATED_SECONDS):
        while not all(each.state and each.state.channel_source == "machine" for each in others):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the events are fetched by those who measure


async def _hear(connection: Connection, heard: Heard) -> None:
    known: set[tuple[str, int, int]] = set()
    async for event in connection.events():
        received_at = time.time() * 1000
        if not isinstance(event, AudioReceived) or event.audio.renders is None:
            continue
        renders = event.audio.renders
        key = (event.audio.language, event.audio.epoch, renders.end_timestamp)
        if key not in known:
            known.add(key)
            heard.utterances.setdefault(event.audio.language, []).append(
                Utterance(renders, received_at)
            )


async def _speak(speaker: Connection, speech: Speech, heard: Heard, first_seq: int) -> None:
    heard.began_at = time.time() * 1000
    for number, chunk in enumerate(speech.chunks):
        captured_at = heard.began_at + number * CHUNK_MS
        await asyncio.sleep((captured_at + CHUNK_MS) / 1000 - time.time())
        await speaker.send_audio(first_seq + number, round(captured_at), chunk)
