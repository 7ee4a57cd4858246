"""The voice of one language: translates what was said, speaks it, and sends it in real time."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from client.changes import Changes
from client.errors import UnavailableError
from client.flows.streaming import run_until_first_ends
from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError, Recognised, Stage
from interpreter.machine.backlog import Backlog
from interpreter.machine.options import Limits
from interpreter.machine.pacer import Pacer, full_chunks
from interpreter.machine.report import EngineFault, Hooks, Loss, Report, Spoken, Unspoken
from interpreter.machine.timeouts import within
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, SendCaption

_Answer = TypeVar("_Answer", str, bytes)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said on the floor; `recognised_at` is by the server's clock (ms since the epoch),
    `recognise_ms` how long after its end that was.
    """

    heard: Recognised
    recognised_at: float
    recognise_ms: int


@dataclass(frozen=True, slots=True)
class Speech:
    """An utterance in the voice's language; `translated_at` is by the server's clock."""

    utterance: Utterance
    text: str
    translated_at: float
    chunks: list[bytes]
    duration_ms: float

    def renders(self, first_sent_at: float) -> Renders:
        """What its chunks say of it, the first of which is sent then."""
        heard, recognised_at = self.utterance.heard, self.utterance.recognised_at
        return Renders(
            timestamp=heard.timestamp,
            end_timestamp=heard.end_timestamp,
            recognise_ms=self.utterance.recognise_ms,
            translate_ms=round(max(self.translated_at - recognised_at, 0)),
            speak_ms=round(max(first_sent_at - self.translated_at, 0)),
        )


class SpeechChannel(Protocol):
    """Where a voice is heard: its seat."""

    def now_ms(self) -> float:
        """The time by the server's clock."""

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> None:
        """Send a chunk. Raises UnavailableError if it cannot be sent now."""

    def caption(self, caption: SendCaption) -> None:
        """Send a caption by and by."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a voice is for, and with what it works."""

    language: str
    source_language: str
    audio_format: AudioFormat
    engine: Engine
    limits: Limits
    sleep: Sleep
    report: Report
    hooks: Hooks


class SpeechOutput:
    """Takes utterances as they are recognised. `broken` is called when the engine has failed too
    often in a row, or cannot do the language at all (with that fault).
    """

    def __init__(
        self, task: Task, outlet: SpeechChannel, broken: Callable[[EngineError | None], None]
    ) -> None:
        self._task = task
        self._outlet = outlet
        self._broken = broken
        self._account = task.report.of(task.language)
        limits = task.limits
        self._backlog: Backlog[Speech] = Backlog(limits.hurry_ms, limits.backlog_ms, limits.fastest)
        self._pacer = Pacer(task.audio_format.chunk_ms)
        self._incoming: deque[Utterance] = deque()
        self._turn = 0  # rises whenever everything is forgotten
        self._preparing = False
        self._speaking = False
        self._failures = 0
        self._seq = 0
        self._changes = Changes()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to say."""
        busy = self._incoming or self._preparing or self._speaking
        return not busy and self._backlog.is_empty

    def say(self, utterance: Utterance) -> None:
        """Say this in one's language as soon as possible."""
        self._incoming.append(utterance)
        if len(self._incoming) > self._task.limits.waiting:
            self._incoming.popleft()
            self.pass_over("behind")
        self._changes.notify()

    def hush(self, loss: Loss) -> None:
        """Stop at once, and forget what was to be said."""
        self._turn += 1
        unspoken = len(self._incoming) + len(self._backlog.clear())
        unspoken += self._preparing + self._speaking
        # What is under way goes on for a while, and then finds that its turn is over.
        self._preparing = self._speaking = False
        self._incoming.clear()
        for _ in range(unspoken):
            self.pass_over(loss)
        self._changes.notify()

    async def run(self) -> None:
        """Translate, speak and send until it is cancelled."""
        await run_until_first_ends(self._prepare(), self._send())

    async def drained(self) -> None:
        """Wait until there is nothing to say."""
        await self._changes.until(lambda: self.is_idle)

    async def _prepare(self) -> None:
        while True:
            await self._changes.until(lambda: self._incoming)
            utterance, turn = self._incoming.popleft(), self._turn
            self._preparing = True
            try:
                speech = await self._prepared(utterance)
            finally:
                self._preparing = False
            if turn == self._turn:  # else it was counted already
                if speech is None:
                    self.pass_over("engine")
                else:
                    for left_out in self._backlog.add(speech):
                        self._caption(left_out.utterance, left_out.text, spoken=False)
                        self.pass_over("behind")
            self._changes.notify()

    async def _prepared(self, utterance: Utterance) -> Speech | None:
        """The utterance translated and spoken; None if the engine could not."""
        task, limits = self._task, self._task.limits
        heard = utterance.heard
        text = await self._asked(
            "translate",
            limits.translate_seconds,
            lambda: task.engine.translate(heard.text, task.source_language, task.language),
        )
        if text is None:
            return None
        translated_at = self._outlet.now_ms()
        rate, speed = task.audio_format.sample_rate, self._backlog.speed()
        pcm = await self._asked(
            "speak",
            limits.speak_seconds,
            lambda: task.engine.speak(text, task.language, rate, speed),
        )
        if pcm is not None and task.audio_format.duration_ms(len(pcm)) > limits.longest_ms:
            self._failed("speak", "endless", None)
            pcm = None
        if pcm is None:
            self._caption(utterance, text, spoken=False)
            return None
        self._failures = 0
        chunks = full_chunks(pcm, task.audio_format)
        duration_ms = len(chunks) * task.audio_format.chunk_ms
        return Speech(utterance, text, translated_at, chunks, duration_ms)

    async def _asked(
        self, stage: Stage, seconds: float, ask: Callable[[], Awaitable[_Answer]]
    ) -> _Answer | None:
        """What the engine answers; None if it fails, takes too long, or answers nothing."""
        try:
            answer = await within(self._task.sleep, seconds, ask())
        except TimeoutError:
            self._failed(stage, "timeout", None)
        except EngineError as fault:
            self._failed(stage, type(fault).__name__, fault)
        except Exception as fault:  # noqa: BLE001 - an engine is somebody else's code
            self._failed(stage, type(fault).__name__, None)
        else:
            if answer.strip():
                return answer
            self._failed(stage, "empty", None)
        return None

    def _failed(self, stage: Stage, kind: str, fault: EngineError | None) -> None:
        task = self._task
        task.report.failures[stage] += 1
        task.hooks.on_news(EngineFault(stage, kind, task.language))
        # Whoever waits for an engine that hangs hears nothing meanwhile.
        self._failures += 2 if kind == "timeout" else 1
        if fault is not None and not fault.retryable:
            self._broken(fault)
        elif self._failures >= task.limits.failures:
            self._broken(None)

    async def _send(self) -> None:
        while True:
            speech = await self._changes.until(self._backlog.take)
            self._speaking = True
            try:
                await self._spoken(speech, self._turn)
            finally:
                self._speaking = False
            self._changes.notify()

    async def _spoken(self, speech: Speech, turn: int) -> None:
        """Send a sentence, unless its turn is over before."""
        renders: Renders | None = None
        for chunk in speech.chunks:
            await self._paced(turn)
            if turn != self._turn:
                return
            now = self._outlet.now_ms()
            if renders is None:
                renders = speech.renders(now)
                self._begun(speech, renders)
            await self._chunk(chunk, self._pacer.stamp(now), renders)
            self._backlog.sent(self._task.audio_format.chunk_ms)
        if turn == self._turn:
            self._account.spoken += 1

    def _begun(self, speech: Speech, renders: Renders) -> None:
        self._task.report.measured(renders)
        self._task.hooks.on_news(Spoken(self._task.language, renders))
        self._caption(speech.utterance, speech.text, spoken=True)

    async def _paced(self, turn: int) -> None:
        while turn == self._turn:
            wait_ms = self._pacer.wait_ms(self._outlet.now_ms())
            if not wait_ms:
                return
            await self._task.sleep(wait_ms / 1000)

    async def _chunk(self, audio: bytes, timestamp: int, renders: Renders) -> None:
        seq, self._seq = self._seq, self._seq + 1
        send = self._outlet.send_audio(seq, timestamp, audio, renders)
        try:
            await within(self._task.sleep, self._task.limits.send_seconds, send)
            self._account.chunks += 1
        except (UnavailableError, TimeoutError):
            self._account.lost_chunks += 1

    def _caption(self, utterance: Utterance, text: str, *, spoken: bool) -> None:
        heard = utterance.heard
        self._outlet.caption(
            SendCaption(
                text=text[:MAX_CAPTION_LENGTH],
                final=True,
                timestamp=heard.timestamp,
                end_timestamp=heard.end_timestamp,
                spoken=spoken,
            )
        )

    def pass_over(self, loss: Loss) -> None:
        """Count a sentence that is not spoken."""
        self._account.unspoken[loss] += 1
        self._task.hooks.on_news(Unspoken(self._task.language, loss))
