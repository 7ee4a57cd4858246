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
from client.protocol.events import (
    Interruption,
    Notice,
    Notification,
    Reconnected,
    RolledOver,
)
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import (
    ChannelSourceChanged,
    SessionJoined,
    SpeakerDisconnected,
    SpeakerReconnected,
)
from shared.utils.resume_token import parse_resume_token

LIMIT_SECONDS = 120  # of a whole test
AWAY_AND_BACK: list[object] = [SpeakerDisconnected, SpeakerReconnected]


class EventLog:
    """Events in the order they occurred. Tests wait for the next ones."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._changed = asyncio.Event()

    def add(self, event: object) -> None:
        self.events.append(event)
        self._changed.set()

    def without(self, *ignored: object) -> list[object]:
        """All events except these."""
        return [item for item in self.events if item not in ignored]

    async def wait_for(self, wanted: object) -> None:
        """Wait for this event, unless it has occurred already."""
        while wanted not in self.events:
            await self.next()

    async def first(self) -> object:
        """Wait for any event; returns the first one."""
        while not self.events:
            await self.next()
        return self.events[0]

    async def next(self) -> None:
        """Wait for another event."""
        self._changed.clear()
        await self._changed.wait()


@dataclass
class NumberedSpeech:
    """Endless speech: every byte of chunk n, counted from `first`, is n."""

    audio_format: AudioFormat
    first: int = 1
    live = True
    total = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(self.first, 256):
            yield bytes([number]) * self.audio_format.chunk_bytes


@dataclass
class RecordingListener:
    """A listener in a language that records the numbers of its chunks and its notices."""

    url: str
    language: str
    log: EventLog = field(default_factory=EventLog)
    heard: list[int] = field(default_factory=list)
    #: The connections that it has joined on.
    connection_ids: list[str] = field(default_factory=list)
    playout_delay_ms: int = DEFAULT_PLAYOUT_DELAY_MS
    notices: list[Notice] = field(default_factory=list)

    def write(self, pcm: bytes) -> None:
        assert len(set(pcm)) == 1, "a chunk has been changed"
        self.heard.append(pcm[0])
        self.log.add(("heard", len(self.heard)))

    def silence(self, duration_ms: float) -> None:
        """Ignore silence."""

    def on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)
        if isinstance(notice, Reconnected | Interruption):
            self.log.add(type(notice))
        if isinstance(notice, Reconnected | RolledOver):
            self._joined(notice.reply)
        if isinstance(notice, RolledOver):
            self.log.add(("rolled over", notice.reply.resumed))
        if isinstance(notice, Notification):
            self.log.add(type(notice.message))
            if isinstance(notice.message, ChannelSourceChanged):
                self.log.add(notice.message.to_source)

    def on_joined(self, joined: SessionJoined) -> None:
        self._joined(joined)
        self.log.add("joined")

    def _joined(self, reply: SessionJoined) -> None:
        token = parse_resume_token(reply.resume_token)
        assert token is not None
        self.connection_ids.append(token.connection_id)

    async def listen(self, session_id: str) -> None:
        hooks = Hooks(self.on_joined, on_notice=self.on_notice)
        async with Connector(self.url, None, None, None).connect() as connection:
            await listen(
                connection,
                session_id,
                self.language,
                open_sink=lambda _: self,
                playout_delay_ms=self.playout_delay_ms,
                hooks=hooks,
            )

    def away_notices(self) -> list[object]:
        """The notices about the speaker's connection."""
        return [item for item in self.log.events if item in AWAY_AND_BACK]

    async def wait_for_chunks(self, chunks: int = 3) -> None:
        """Wait for this many more chunks."""
        await self.log.wait_for(("heard", len(self.heard) + chunks))


def speech_from(first: int) -> Callable[[AudioFormat], ChunkSource]:
    """Open numbered speech that counts from `first`."""
    return lambda audio_format: NumberedSpeech(audio_format, first)


def numbered_speech(audio_format: AudioFormat) -> ChunkSource:
    """Open the numbered speech."""
    return NumberedSpeech(audio_format)


@contextlib.asynccontextmanager
async def background_tasks() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Run tasks until the end of the block; a failure of one ends the block."""
    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        tasks = []
        yield lambda work: tasks.append(group.create_task(work))
        for task in tasks:
            task.cancel()
