"""Scripted engine with fixed results, for tests and for trying out the machine.

It detects an utterance where the audio is loud and then quiet, or where cues say so, and returns
its sentences in turn. It translates by prefixing the language, and speaks a hum whose length
depends on the text and whose sound depends on the language.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interpreter.engine import (
    EngineError,
    EngineUnavailableError,
    FloorChunk,
    RecognitionResult,
    Stage,
    UnsupportedLanguageError,
)
from interpreter.loudness import loudness
from interpreter.timeline import Timeline

SENTENCES = ("one two three four five", "we need more time to finish the work")
TARGETS = frozenset({"es", "ca", "fr", "de", "it", "pt"})
_LOUD = 300.0
_WINDOW_MS = 20
_QUIET_MS = 300
_MS_PER_CHARACTER = 60


class Fault(StrEnum):
    """Faults to inject into a stage, one call each."""

    THROW = "throw"  # EngineError
    CRASH = "crash"  # another exception
    HANG = "hang"  # never returns
    EMPTY = "empty"  # returns nothing
    UNAVAILABLE = "unavailable"  # EngineUnavailableError
    DIE = "die"  # the recogniser ends by itself


@dataclass(frozen=True, slots=True)
class Cue:
    """A result to return once `at_ms` of audio was heard; positions in ms of audio."""

    at_ms: float
    text: str
    start_ms: float
    end_ms: float
    final: bool = True


class ScriptedEngine:
    """Deterministic engine.

    `calls` counts its calls by stage, `open_recognisers` the recognisers open now.
    """

    name = "scripted"

    def __init__(
        self,
        sentences: Sequence[str] = SENTENCES,
        *,
        targets: frozenset[str] = TARGETS,
        cues: Sequence[Cue] | None = None,
    ) -> None:
        self.calls: Counter[Stage] = Counter()
        self.open_recognisers = 0
        self.speeds: list[float] = []
        self._sentences = itertools.cycle(sentences)
        self._targets = targets
        self._cues = cues
        self._faults: defaultdict[Stage, deque[Fault]] = defaultdict(deque)

    def fail_next(self, stage: Stage, *faults: Fault) -> None:
        """Inject faults into the next calls of a stage, one fault per call."""
        self._faults[stage].extend(faults)

    def targets(self, source: str) -> frozenset[str]:
        """See `Engine.targets`. The source must be English."""
        if source.partition("-")[0] != "en":
            raise UnsupportedLanguageError(f"the scripted engine does not recognise {source}")
        return self._targets

    @contextlib.asynccontextmanager
    async def recogniser(
        self, language: str, sample_rate: int
    ) -> AsyncIterator[ScriptedRecogniser]:
        """See `Engine.recogniser`. HANG, DIE and EMPTY take effect with the first chunk."""
        self.calls["recognise"] += 1
        self.targets(language)
        fault = self._next_fault("recognise")
        if fault in {Fault.THROW, Fault.CRASH, Fault.UNAVAILABLE}:
            await self._apply(fault)
        recogniser = ScriptedRecogniser(self, sample_rate, fault, self._cues)
        self.open_recognisers += 1
        try:
            yield recogniser
        finally:
            self.open_recognisers -= 1

    async def translate(self, text: str, source: str, target: str) -> str:
        """Return `[es] text`."""
        self.calls["translate"] += 1
        self._require_target(target)
        if fault := self._next_fault("translate"):
            await self._apply(fault)
            return " "
        return f"[{target}] {text}"

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """Return a hum of 60 ms per character, whose bytes are all `hum_byte(language)`."""
        self.calls["speak"] += 1
        self._require_target(language)
        self.speeds.append(speed)
        if fault := self._next_fault("speak"):
            await self._apply(fault)
            return b""
        samples = round(len(text) * _MS_PER_CHARACTER / speed * sample_rate / 1000)
        return bytes([hum_byte(language)]) * (2 * samples)

    async def close(self) -> None:
        """Do nothing."""

    def next_sentence(self) -> str:
        """Return the next sentence of the script."""
        return next(self._sentences)

    def _require_target(self, language: str) -> None:
        if language not in self._targets:
            raise UnsupportedLanguageError(f"the scripted engine does not speak {language}")

    def _next_fault(self, stage: Stage) -> Fault | None:
        faults = self._faults[stage]
        return faults.popleft() if faults else None

    @staticmethod
    async def _apply(fault: Fault) -> None:
        match fault:
            case Fault.THROW | Fault.DIE:
                raise EngineError("an injected fault")
            case Fault.CRASH:
                raise ZeroDivisionError
            case Fault.UNAVAILABLE:
                raise EngineUnavailableError("an injected permanent fault")
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.EMPTY:
                return


def hum_byte(language: str) -> int:
    """Byte that the speech of a language consists of: 1-100."""
    return 1 + zlib.crc32(language.encode()) % 100


class ScriptedRecogniser:
    """Detects utterances by loudness, or by cues."""

    def __init__(
        self,
        engine: ScriptedEngine,
        sample_rate: int,
        fault: Fault | None,
        cues: Sequence[Cue] | None,
    ) -> None:
        self._engine = engine
        self._window_bytes = sample_rate * _WINDOW_MS // 1000 * 2
        self._fault = fault
        self._by_energy = cues is None
        self._cues = deque(cues or ())
        self._timeline = Timeline()
        self._results: asyncio.Queue[RecognitionResult | None] = asyncio.Queue()
        self._position_ms = 0.0
        self._began_ms: float | None = None  # start of the current utterance
        self._loud_until_ms = 0.0
        self._sentence = ""

    async def hear(self, chunk: FloorChunk) -> None:
        """See `Recogniser.hear`."""
        if self._fault is Fault.HANG:
            await asyncio.Event().wait()
        if self._fault is Fault.DIE:
            self._results.put_nowait(None)
            return
        duration_ms = len(chunk.pcm) / self._window_bytes * _WINDOW_MS
        self._timeline.add(chunk.timestamp, duration_ms)
        if self._fault is Fault.EMPTY:
            return
        end_ms = self._position_ms + duration_ms
        for at in range(0, len(chunk.pcm), self._window_bytes):
            window = chunk.pcm[at : at + self._window_bytes]
            self._position_ms += len(window) / self._window_bytes * _WINDOW_MS
            if self._by_energy:
                self._detect(window)
        self._position_ms = end_ms
        self._follow_cues()
        if self._began_ms is not None:
            self._emit(self._sentence, self._began_ms, self._position_ms, final=False)

    async def results(self) -> AsyncIterator[RecognitionResult]:
        """See `Recogniser.results`."""
        while (result := await self._results.get()) is not None:
            yield result

    async def finish(self) -> None:
        """See `Recogniser.finish`."""
        if self._began_ms is not None:
            self._end()
        self._results.put_nowait(None)

    def _detect(self, window: bytes) -> None:
        if loudness(window) > _LOUD:
            if self._began_ms is None:
                self._began_ms = self._position_ms - _WINDOW_MS
                self._sentence = self._engine.next_sentence()
            self._loud_until_ms = self._position_ms
        elif self._began_ms is not None and self._position_ms - self._loud_until_ms >= _QUIET_MS:
            self._end()

    def _end(self) -> None:
        assert self._began_ms is not None
        self._emit(self._sentence, self._began_ms, self._loud_until_ms, final=True)
        self._began_ms = None

    def _follow_cues(self) -> None:
        while self._cues and self._cues[0].at_ms <= self._position_ms:
            cue = self._cues.popleft()
            self._emit(cue.text, cue.start_ms, cue.end_ms, final=cue.final)

    def _emit(self, text: str, start_ms: float, end_ms: float, *, final: bool) -> None:
        timeline = self._timeline
        start, end = timeline.at(start_ms), timeline.end_at(end_ms)
        self._results.put_nowait(RecognitionResult(text, final, start, end))
