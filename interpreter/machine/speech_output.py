"""Speech output of one language: translation, synthesis and real-time sending."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from client.changes import Changes
from client.errors import UnavailableError
from client.flows.streaming import run_until_first_ends
from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError, RecognitionResult, Stage
from interpreter.machine.backlog import Backlog
from interpreter.machine.options import Limits
from interpreter.machine.pacer import Pacer, full_chunks
from interpreter.machine.report import (
    EngineFailed,
    Hooks,
    Report,
    SentenceSkipped,
    SentenceSpoken,
    SkipReason,
)
from interpreter.machine.timeouts import with_timeout
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, SendCaption

_Output = TypeVar("_Output", str, bytes)


@dataclass(frozen=True, slots=True)
class Utterance:
    """A final recognition result of the floor.

    `recognised_at` is by the server's clock (ms since the Unix epoch); `recognise_ms` is the time
    from the end of the utterance until then.
    """

    result: RecognitionResult
    recognised_at: float
    recognise_ms: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A translated and spoken utterance; `translated_at` is by the server's clock."""

    utterance: Utterance
    text: str
    translated_at: float
    chunks: list[bytes]
    duration_ms: float

    def renders(self, first_sent_at: float) -> Renders:
        """Metadata of the chunks, given the time at which the first one is sent."""
        result, recognised_at = self.utterance.result, self.utterance.recognised_at
        return Renders(
            timestamp=result.timestamp,
            end_timestamp=result.end_timestamp,
            recognise_ms=self.utterance.recognise_ms,
            translate_ms=round(max(self.translated_at - recognised_at, 0)),
            speak_ms=round(max(first_sent_at - self.translated_at, 0)),
        )


class SpeechChannel(Protocol):
    """Destination of speech and captions: the seat of a language."""

    def now_ms(self) -> float:
        """Current time by the server's clock."""

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        """Send a chunk. Raises UnavailableError if it cannot be sent now."""

    def queue_caption(self, caption: SendCaption) -> None:
        """Queue a caption to be sent in the background."""


@dataclass(frozen=True, slots=True)
class SpeechContext:
    """Languages, audio format and collaborators of a speech output."""

    language: str
    source_language: str
    audio_format: AudioFormat
    engine: Engine
    limits: Limits
    sleep: Sleep
    report: Report
    hooks: Hooks


class SpeechOutput:
    """Speaks queued utterances into a channel.

    Calls `on_broken` when the engine fails too often in a row (with None), or cannot serve the
    language at all (with the error).
    """

    def __init__(
        self,
        context: SpeechContext,
        channel: SpeechChannel,
        on_broken: Callable[[EngineError | None], None],
    ) -> None:
        self._context = context
        self._channel = channel
        self._on_broken = on_broken
        self._report = context.report.language(context.language)
        limits = context.limits
        self._backlog: Backlog[Speech] = Backlog(
            limits.speed_up_ms, limits.backlog_ms, limits.max_speed
        )
        self._pacer = Pacer()
        self._parts = 1  # chunks of the session's duration in a message
        self._incoming: deque[Utterance] = deque()
        self._generation = 0  # incremented by `discard`
        self._preparing = False
        self._sending = False
        self._failures = 0
        self._seq = 0
        self._changes = Changes()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued, being prepared or being sent."""
        busy = self._incoming or self._preparing or self._sending
        return not busy and self._backlog.is_empty

    def enqueue(self, utterance: Utterance) -> None:
        """Queue an utterance for translation and speech."""
        self._incoming.append(utterance)
        if len(self._incoming) > self._context.limits.max_untranslated:
            self._incoming.popleft()
            self.skip("behind")
        self._changes.notify()

    def set_chunk_ms(self, chunk_ms: int) -> None:
        """Send longer chunks, or the session's own again, as the service asks."""
        self._parts = self._context.audio_format.parts_of(chunk_ms)

    def discard(self, reason: SkipReason) -> None:
        """Stop sending at once and discard everything queued."""
        self._generation += 1
        skipped = len(self._incoming) + len(self._backlog.clear())
        skipped += self._preparing + self._sending
        # Work in progress continues for a moment, until it sees the new generation.
        self._preparing = self._sending = False
        self._incoming.clear()
        for _ in range(skipped):
            self.skip(reason)
        self._changes.notify()

    async def run(self) -> None:
        """Translate, speak and send until cancelled."""
        await run_until_first_ends(self._prepare_all(), self._send_all())

    async def wait_drained(self) -> None:
        """Wait until everything queued is sent."""
        await self._changes.until(lambda: self.is_idle)

    async def _prepare_all(self) -> None:
        while True:
            await self._changes.until(lambda: self._incoming)
            utterance, generation = self._incoming.popleft(), self._generation
            self._preparing = True
            try:
                speech = await self._prepare(utterance)
            finally:
                self._preparing = False
            if generation == self._generation:  # otherwise `discard` has counted it
                if speech is None:
                    self.skip("engine")
                else:
                    for skipped in self._backlog.add(speech):
                        self._send_caption(skipped.utterance, skipped.text, spoken=False)
                        self.skip("behind")
            self._changes.notify()

    async def _prepare(self, utterance: Utterance) -> Speech | None:
        """Translate and speak an utterance; None if the engine fails."""
        context, limits = self._context, self._context.limits
        source_text = utterance.result.text
        text = await self._call_engine(
            "translate",
            limits.translate_seconds,
            lambda: context.engine.translate(
                source_text, context.source_language, context.language
            ),
        )
        if text is None:
            return None
        translated_at = self._channel.now_ms()
        rate, speed = context.audio_format.sample_rate, self._backlog.speed()
        pcm = await self._call_engine(
            "speak",
            limits.speak_seconds,
            lambda: context.engine.speak(text, context.language, rate, speed),
        )
        if pcm is not None and context.audio_format.duration_ms(len(pcm)) > limits.max_speech_ms:
            self._record_failure("speak", "endless", None)
            pcm = None
        if pcm is None:
            self._send_caption(utterance, text, spoken=False)
            return None
        self._failures = 0
        chunks = full_chunks(pcm, context.audio_format)
        duration_ms = len(chunks) * context.audio_format.chunk_ms
        return Speech(utterance, text, translated_at, chunks, duration_ms)

    async def _call_engine(
        self, stage: Stage, seconds: float, call: Callable[[], Awaitable[_Output]]
    ) -> _Output | None:
        """Call the engine; None if it fails, exceeds its time limit or returns nothing."""
        try:
            output = await with_timeout(self._context.sleep, seconds, call())
        except TimeoutError:
            self._record_failure(stage, "timeout", None)
        except EngineError as fault:
            self._record_failure(stage, type(fault).__name__, fault)
        except Exception as fault:  # noqa: BLE001 - engines are third-party code
            self._record_failure(stage, type(fault).__name__, None)
        else:
            if output.strip():
                return output
            self._record_failure(stage, "empty", None)
        return None

    def _record_failure(self, stage: Stage, kind: str, fault: EngineError | None) -> None:
        context = self._context
        context.report.failures[stage] += 1
        context.hooks.on_news(EngineFailed(stage, kind, context.language))
        # Timeouts count twice, because listeners hear nothing while a call hangs.
        self._failures += 2 if kind == "timeout" else 1
        if fault is not None and not fault.retryable:
            self._on_broken(fault)
        elif self._failures >= context.limits.max_failures:
            self._on_broken(None)

    async def _send_all(self) -> None:
        while True:
            speech = await self._changes.until(self._backlog.take)
            self._sending = True
            try:
                await self._send(speech, self._generation)
            finally:
                self._sending = False
            self._changes.notify()

    async def _send(self, speech: Speech, generation: int) -> None:
        """Send a sentence in real time, until a discard."""
        renders: Renders | None = None
        chunks = deque(speech.chunks)
        while chunks:
            parts = [chunks.popleft() for _ in range(min(self._parts, len(chunks)))]
            duration_ms = len(parts) * self._context.audio_format.chunk_ms
            await self._wait_for_pace(duration_ms, generation)
            if generation != self._generation:
                return
            now = self._channel.now_ms()
            if renders is None:
                renders = speech.renders(now)
                self._record_start(speech, renders)
            timestamp = self._pacer.stamp(duration_ms, now)
            await self._send_chunk(b"".join(parts), duration_ms, timestamp, renders)
            self._backlog.sent(duration_ms)
        if generation == self._generation:
            self._report.spoken += 1

    def _record_start(self, speech: Speech, renders: Renders) -> None:
        self._context.report.add_latencies(renders)
        self._context.hooks.on_news(SentenceSpoken(self._context.language, renders))
        self._send_caption(speech.utterance, speech.text, spoken=True)

    async def _wait_for_pace(self, duration_ms: int, generation: int) -> None:
        while generation == self._generation:
            wait_ms = self._pacer.wait_ms(duration_ms, self._channel.now_ms())
            if not wait_ms:
                return
            await self._context.sleep(wait_ms / 1000)

    async def _send_chunk(
        self, audio: bytes, duration_ms: int, timestamp: int, renders: Renders
    ) -> None:
        seq, self._seq = self._seq, self._seq + 1
        chunk_ms = duration_ms if duration_ms > self._context.audio_format.chunk_ms else None
        sending = self._channel.send_audio(seq, timestamp, audio, renders, chunk_ms=chunk_ms)
        try:
            await with_timeout(self._context.sleep, self._context.limits.send_seconds, sending)
            self._report.chunks += 1
        except (UnavailableError, TimeoutError):
            self._report.lost_chunks += 1

    def _send_caption(self, utterance: Utterance, text: str, *, spoken: bool) -> None:
        result = utterance.result
        self._channel.queue_caption(
            SendCaption(
                text=text[:MAX_CAPTION_LENGTH],
                final=True,
                timestamp=result.timestamp,
                end_timestamp=result.end_timestamp,
                spoken=spoken,
            )
        )

    def skip(self, reason: SkipReason) -> None:
        """Count a sentence that is not spoken."""
        self._report.unspoken[reason] += 1
        self._context.hooks.on_news(SentenceSkipped(self._context.language, reason))
