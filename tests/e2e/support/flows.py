"""Speech with numbered chunks, and listeners that record what they receive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from cli.options import Connector
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

LIMIT_SECONDS = 120  # of a whole test
AWAY_AND_BACK: list[object] = [SpeakerDisconnected, SpeakerReconnected]


class Happenings:
    """The events so far, in order; tests wait for the next ones."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._changed = asyncio.Event()

    def add(self, happening: object) -> None:
        self.all.append(happening)
        self._changed.set()

    def but_for(self, *unheeded: object) -> list[object]:
        """All events except these."""
        return [item for item in self.all if item not in unheeded]

    async def until(self, wanted: object) -> None:
        """Wait for this event, unless it has occurred already."""
        while wanted not in self.all:
            await self.next()

    async def first(self) -> object:
        """Wait for any event; returns the first one."""
        while not self.all:
            await self.next()
        return self.all[0]

    async def next(self) -> None:
        """Wait for another event."""
        self._changed.clear()
        await self._changed.wait()


@dataclass
class Counting:
    """Endless speech: every byte of chunk n is n."""

    audio_format: AudioFormat
    live = True
    total = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(1, 256):
            yield bytes([number]) * self.audio_format.chunk_bytes


@dataclass
class Ears:
    """A listener in a language that records the numbers of its chunks and its notices."""

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
        """Ignore silence."""

    def noted(self, notice: Notice) -> None:
        if isinstance(notice, RolledOver):
            self.happenings.add(("rolled over", notice.reply.resumed))
        if isinstance(notice, Notification):
            self.happenings.add(type(notice.message))
            if isinstance(notice.message, ChannelSourceChanged):
                self.happenings.add(notice.message.to_source)

    async def listen(self, session_id: str) -> None:
        hooks = Hooks(lambda joined: self.happenings.add("joined"), on_notice=self.noted)
        async with Connector(self.url, None, None, None).connect() as connection:
            await listen(
                connection,
                session_id,
                self.language,
                open_sink=lambda _: self,
                playout_delay_ms=self.playout_delay_ms,
                hooks=hooks,
            )

    def news(self) -> list[object]:
        """The notices about the speaker's connection."""
        return [item for item in self.happenings.all if item in AWAY_AND_BACK]

    async def hears_more(self, chunks: int = 3) -> None:
        """Wait for this many more chunks."""
        await self.happenings.until(("heard", len(self.heard) + chunks))


def counting(audio_format: AudioFormat) -> ChunkSource:
    """Open the numbered speech."""
    return Counting(audio_format)


@contextlib.asynccontextmanager
async def background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Run tasks until the end of the block; a failure of one ends the block."""
    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        tasks = []
        yield lambda work: tasks.append(group.create_task(work))
        for task in tasks:
            task.cancel()
