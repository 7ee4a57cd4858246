"""A machine at work in a session in memory, in time that a test lets pass."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from interpreter.engines.scripted import ScriptedEngine, hum_byte
from interpreter.machine.machine import Machine
from interpreter.machine.options import Limits, Options
from interpreter.machine.report import Hooks, LeaseChanged, News
from shared.models.audio_format import AudioFormat
from tests.helpers.virtual_time import VirtualTime
from tests.unit.interpreter.machine.fake_session import LOUD, QUIET, SESSION, FakeSession, Sent

SENTENCE = ((LOUD, 1.0), (QUIET, 0.6))
# The scripted engine's "[es] alpha" lasts for three chunks of 200 ms.
SHORT = ("alpha", "bravo", "delta", "gamma")
SHORT_CHUNKS = 3


@dataclass
class Stage:
    """`machine` is there once it was started; several may be."""

    time: VirtualTime = field(default_factory=VirtualTime)
    engine: ScriptedEngine = field(default_factory=lambda: ScriptedEngine(SHORT))
    news: list[News] = field(default_factory=list)
    audio_format: AudioFormat = field(default_factory=AudioFormat)

    def __post_init__(self) -> None:
        self.session = FakeSession(self.time, self.audio_format)
        self.tasks: list[asyncio.Task[str | None]] = []

    def machine(
        self,
        languages: tuple[str, ...] | Literal["auto"] = "auto",
        engine: ScriptedEngine | None = None,
        **limits: Any,
    ) -> Machine:
        return Machine(
            engine or self.engine,
            self.session.open,
            Options(session_id=SESSION, languages=languages, limits=replace(Limits(), **limits)),
            clock=self.time,
            sleep=self.time.sleep,
            hooks=Hooks(self.news.append),
        )

    async def start(self, machine: Machine) -> asyncio.Task[str | None]:
        """Let it run, until it has found its seats."""
        task = asyncio.create_task(machine.run())
        self.tasks.append(task)
        await self.time.advance(0.1)
        return task

    async def kill(self, task: asyncio.Task[str | None]) -> None:
        task.cancel()
        await self.time.settle()

    async def sentence(self, times: int = 1) -> None:
        """Somebody says something on the floor, and is quiet for a moment."""
        for _ in range(times):
            await self.session.speak(*SENTENCE)

    def heard(self, language: str = "es") -> list[Sent]:
        return [sent for sent in self.session.sent if sent.language == language]

    def read(self, language: str | None = None, *, final: bool = True) -> list[str]:
        """The captions of the floor (en), or (None) of the translations."""
        return [
            caption.text
            for caption in self.session.captions
            if caption.language == language and caption.final is final
        ]

    def turns(self) -> list[tuple[str, bool]]:
        return [(it.language, it.holds) for it in self.news if isinstance(it, LeaseChanged)]


@contextlib.asynccontextmanager
async def stage(
    engine: ScriptedEngine | None = None, audio_format: AudioFormat | None = None
) -> AsyncIterator[Stage]:
    """Everything that was started is ended with the block."""
    built = Stage(
        engine=engine or ScriptedEngine(SHORT), audio_format=audio_format or AudioFormat()
    )
    try:
        yield built
    finally:
        for task in built.tasks:
            task.cancel()
        await asyncio.gather(*built.tasks, return_exceptions=True)


def is_hum(sent: Sent) -> bool:
    """Whether it is the scripted engine's voice in that language, perhaps with silence after it."""
    return set(sent.audio) <= {0, hum_byte(sent.language)} and any(sent.audio)
