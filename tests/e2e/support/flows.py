"""Speech that can be told chunk from chunk, and listeners who note what they hear and are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from cli.options import Access
from client.flows.listener import Hooks, listen
from client.playback.capture import ChunkSource
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.protocol.events import Notice, Notification, RolledOver
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import (
    ChannelSourceChanged,
    SpeakerDisconnected,
    SpeakerReconnected,
)

LIMIT_SECONDS = 120  # of a whole test; nothing is measured
AWAY_AND_BACK: list[object] = [SpeakerDisconnected, SpeakerReconnected]


class Happenings:
    """What happened so far, in order; anything else waits for it."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._changed = asyncio.Event()

    def add(self, happening: object) -> None:
        self.all.append(happening)
        self._changed.set()

    def but_for(self, *unheeded: object) -> list[object]:
        """All of it, without what is of no interest."""
        return [item for item in self.all if item not in unheeded]

    async def until(self, wanted: object) -> None:
        """Wait until this has happened."""
        while wanted not in self.all:
            await self.next()

    async def first(self) -> object:
        """Wait for anything to happen."""
        while not self.all:
            await self.next()
        return self.all[0]

    async def next(self) -> None:
        """Wait until anything more happens."""
        self._changed.clear()
        await self._changed.wait()


@dataclass
class Counting:
    """Speech without an end: chunk n is all n."""

    audio_format: AudioFormat
    live = True
    total = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(1, 256):
            yield bytes([number]) * self.audio_format.chunk_bytes


@dataclass
class Ears:
    """A listener in a language: the numbers that it hears, and the news that it gets."""

    url: str
    language: str
    happenings: Happenings = field(default_factory=Happenings)
    heard: list[int] = field(default_factory=list)
    playout_delay_ms: int = DEFAULT_PLAYOUT_DELAY_MS

    def write(self, pcm: bytes) -> None:
        assert len(set(pcm)) == 1, "a chunk has been changed"
        self.heard.append(pcm[0])
        self.happenings.add(("heard", len(self.heard)))

    def silence(self, duration_ms: float) -> None:
        """Nothing to note."""

    def noted(self, notice: Notice) -> None:
        if isinstance(notice, RolledOver):
            self.happenings.add(("rolled over", notice.reply.resumed))
        if isinstance(notice, Notification):
            self.happenings.add(type(notice.message))
            if isinstance(notice.message, ChannelSourceChanged):
                self.happenings.add(notice.message.to_source)

    async def listen(self, session_id: str) -> None:
        hooks = Hooks(lambda joined: self.happenings.add("joined"), on_notice=self.noted)
        async with Access(self.url, None, None, None).connect() as connection:
            await listen(
                connection,
                session_id,
                self.language,
                open_sink=lambda _: self,
                playout_delay_ms=self.playout_delay_ms,
                hooks=hooks,
            )

    def news(self) -> list[object]:
        """The kinds of what it was told of the speaker."""
        return [item for item in self.happenings.all if item in AWAY_AND_BACK]

    async def hears_more(self, chunks: int = 3) -> None:
        """Wait for so many chunks more."""
        await self.happenings.until(("heard", len(self.heard) + chunks))


def counting(audio_format: AudioFormat) -> ChunkSource:
    """Opens the speech."""
    return Counting(audio_format)


@contextlib.asynccontextmanager
async def background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Starts work that is cancelled at the end, and whose failure ends the block."""
    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        tasks = []
        yield lambda work: tasks.append(group.create_task(work))
        for task in tasks:
            task.cancel()
