"""Machines in an in-memory session, in virtual time."""

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
from tests.unit.interpreter.machine.fake_session import LOUD, QUIET, SESSION, FakeSession, SentChunk

SENTENCE = ((LOUD, 1.0), (QUIET, 0.6))
# The scripted engine speaks "[es] alpha" in three chunks of 200 ms.
SHORT = ("alpha", "bravo", "delta", "gamma")
SHORT_CHUNKS = 3


@dataclass
class World:
    """A session, an engine, and any number of machines."""

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
        """Run the machine until it has taken its seats."""
        task = asyncio.create_task(machine.run())
        self.tasks.append(task)
        await self.time.advance(0.1)
        return task

    async def kill(self, task: asyncio.Task[str | None]) -> None:
        task.cancel()
        await self.time.settle()

    async def speak_sentence(self, times: int = 1) -> None:
        """Speak sentences on the floor, each followed by a short silence."""
        for _ in range(times):
            await self.session.speak(*SENTENCE)

    def sent(self, language: str = "es") -> list[SentChunk]:
        return [sent for sent in self.session.sent if sent.language == language]

    def captions(self, language: str | None = None, *, final: bool = True) -> list[str]:
        """Caption texts of the floor (`en`) or of the translations (None)."""
        return [
            caption.text
            for caption in self.session.captions
            if caption.language == language and caption.final is final
        ]

    def lease_changes(self) -> list[tuple[str, bool]]:
        return [(it.language, it.holds) for it in self.news if isinstance(it, LeaseChanged)]


@contextlib.asynccontextmanager
async def machine_world(
    engine: ScriptedEngine | None = None, audio_format: AudioFormat | None = None
) -> AsyncIterator[World]:
    """A world whose machines end with the block."""
    built = World(
        engine=engine or ScriptedEngine(SHORT), audio_format=audio_format or AudioFormat()
    )
    try:
        yield built
    finally:
        for task in built.tasks:
            task.cancel()
        await asyncio.gather(*built.tasks, return_exceptions=True)


def is_hum(sent: SentChunk) -> bool:
    """Whether a chunk is the scripted engine's speech, possibly padded with silence."""
    return set(sent.audio) <= {0, hum_byte(sent.language)} and any(sent.audio)
