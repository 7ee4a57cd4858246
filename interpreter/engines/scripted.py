"""An engine with fixed answers: for tests, and to try the machine without any engine.

It hears an utterance wherever the sound is loud for a while and then quiet, or where cues say so,
and takes the next of its sentences for what was said. It translates by putting the language in
front, and speaks in a hum that lasts as long as the text is, the same for the same language.
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
    Recognised,
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
_MS_A_CHARACTER = 60


class Fault(StrEnum):
    """What may be ordered to go wrong in a stage, once each."""

    THROW = "throw"  # EngineError
    CRASH = "crash"  # an exception of another kind
    HANG = "hang"  # no answer, ever
    EMPTY = "empty"  # an answer that says nothing
    UNAVAILABLE = "unavailable"  # it cannot work here at all
    DIE = "die"  # the recogniser ends by itself


@dataclass(frozen=True, slots=True)
class Cue:
    """Once so much sound was heard (ms), that was said in that part of it."""

    at_ms: float
    text: str
    start_ms: float
    end_ms: float
    final: bool = True


class ScriptedEngine:
    """Deterministic; `asked` counts its calls, `recognisers` how many are open now."""

    name = "scripted"

    def __init__(
        self,
        sentences: Sequence[str] = SENTENCES,
        *,
        targets: frozenset[str] = TARGETS,
        cues: Sequence[Cue] | None = None,
    ) -> None:
        self.asked: Counter[Stage] = Counter()
        self.recognisers = 0
        self.speeds: list[float] = []
        self._sentences = itertools.cycle(sentences)
        self._targets = targets
        self._cues = cues
        self._faults: defaultdict[Stage, deque[Fault]] = defaultdict(deque)

    def order(self, stage: Stage, *faults: Fault) -> None:
        """Let the next calls in that stage end like this, one after the other."""
        self._faults[stage].extend(faults)

    def targets(self, source: str) -> frozenset[str]:
        """As Engine.targets: it hears English."""
        if source.partition("-")[0] != "en":
            raise UnsupportedLanguageError(f"the scripted engine does not hear {source}")
        return self._targets

    @contextlib.asynccontextmanager
    async def recogniser(
        self, language: str, sample_rate: int
    ) -> AsyncIterator[ScriptedRecogniser]:
        """As Engine.recogniser; HANG and DIE befall it while it hears."""
        self.asked["recognise"] += 1
        self.targets(language)
        fault = self._next_fault("recognise")
        if fault in {Fault.THROW, Fault.CRASH, Fault.UNAVAILABLE}:
            await self._suffer(fault)
        recogniser = ScriptedRecogniser(self, sample_rate, fault, self._cues)
        self.recognisers += 1
        try:
            yield recogniser
        finally:
            self.recognisers -= 1

    async def translate(self, text: str, source: str, target: str) -> str:
        """`[es] text`."""
        self.asked["translate"] += 1
        self._refuse_unless_known(target)
        if fault := self._next_fault("translate"):
            await self._suffer(fault)
            return " "
        return f"[{target}] {text}"

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """A hum of 60 ms a character, all samples being `hum_of(language)`."""
        self.asked["speak"] += 1
        self._refuse_unless_known(language)
        self.speeds.append(speed)
        if fault := self._next_fault("speak"):
            await self._suffer(fault)
            return b""
        samples = round(len(text) * _MS_A_CHARACTER / speed * sample_rate / 1000)
        return bytes([hum_of(language)]) * (2 * samples)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def next_sentence(self) -> str:
        """What is taken for said next."""
        return next(self._sentences)

    def _refuse_unless_known(self, language: str) -> None:
        if language not in self._targets:
            raise UnsupportedLanguageError(f"the scripted engine does not speak {language}")

    def _next_fault(self, stage: Stage) -> Fault | None:
        faults = self._faults[stage]
        return faults.popleft() if faults else None

    @staticmethod
    async def _suffer(fault: Fault) -> None:
        match fault:
            case Fault.THROW | Fault.DIE:
                raise EngineError("it was ordered to fail")
            case Fault.CRASH:
                raise ZeroDivisionError
            case Fault.UNAVAILABLE:
                raise EngineUnavailableError("it was ordered to be missing")
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.EMPTY:
                return


def hum_of(language: str) -> int:
    """Which byte the speech of a language consists of: 1-100."""
    return 1 + zlib.crc32(language.encode()) % 100


class ScriptedRecogniser:
    """Finds utterances by how loud the sound is, or by cues."""

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
        self._results: asyncio.Queue[Recognised | None] = asyncio.Queue()
        self._position_ms = 0.0
        self._began_ms: float | None = None  # in the middle of an utterance
        self._loud_until_ms = 0.0
        self._sentence = ""

    async def hear(self, chunk: FloorChunk) -> None:
        """As Recogniser.hear."""
        if self._fault is Fault.HANG:
            await asyncio.Event().wait()
        if self._fault is Fault.DIE:
            self._results.put_nowait(None)
            return
        lasts_ms = len(chunk.pcm) / self._window_bytes * _WINDOW_MS
        self._timeline.add(chunk.timestamp, lasts_ms)
        if self._fault is Fault.EMPTY:
            return
        end_ms = self._position_ms + lasts_ms
        for at in range(0, len(chunk.pcm), self._window_bytes):
            window = chunk.pcm[at : at + self._window_bytes]
            self._position_ms += len(window) / self._window_bytes * _WINDOW_MS
            if self._by_energy:
                self._weigh(window)
        self._position_ms = end_ms
        self._follow_cues()
        if self._began_ms is not None:
            self._tell(self._sentence, self._began_ms, self._position_ms, final=False)

    async def results(self) -> AsyncIterator[Recognised]:
        """As Recogniser.results."""
        while (result := await self._results.get()) is not None:
            yield result

    async def finish(self) -> None:
        """As Recogniser.finish."""
        if self._began_ms is not None:
            self._end()
        self._results.put_nowait(None)

    def _weigh(self, window: bytes) -> None:
        if loudness(window) > _LOUD:
            if self._began_ms is None:
                self._began_ms = self._position_ms - _WINDOW_MS
                self._sentence = self._engine.next_sentence()
            self._loud_until_ms = self._position_ms
        elif self._began_ms is not None and self._position_ms - self._loud_until_ms >= _QUIET_MS:
            self._end()

    def _end(self) -> None:
        assert self._began_ms is not None
        self._tell(self._sentence, self._began_ms, self._loud_until_ms, final=True)
        self._began_ms = None

    def _follow_cues(self) -> None:
        while self._cues and self._cues[0].at_ms <= self._position_ms:
            cue = self._cues.popleft()
            self._tell(cue.text, cue.start_ms, cue.end_ms, final=cue.final)

    def _tell(self, text: str, start_ms: float, end_ms: float, *, final: bool) -> None:
        timeline = self._timeline
        start, end = timeline.at(start_ms), timeline.end_at(end_ms)
        self._results.put_nowait(Recognised(text, final, start, end))
