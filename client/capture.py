"""Sound as a microphone would give it: chunk after chunk, each at the time when it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from client.chunks import chunks
from shared.models.audio_format import AudioFormat
from shared.utils.clock import Clock

Sleep = Callable[[float], Awaitable[None]]


class ChunkSource(Protocol):
    """Where chunks come from; `live` says that they cannot come faster than they are spoken."""

    @property
    def live(self) -> bool:
        """True for a microphone, false for a recording."""

    @property
    def total(self) -> int | None:
        """How many chunks there will be, if that is known."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks; all but the last are full."""


class Recording:
    """Sound that is there already, as s16le samples."""

    live = False

    def __init__(self, pcm: bytes, audio_format: AudioFormat) -> None:
        self._chunks = list(chunks(pcm, audio_format))

    @property
    def total(self) -> int:
        """How many chunks it has."""
        return len(self._chunks)

    @property
    def chunks(self) -> list[bytes]:
        """The chunks, as they will be sent."""
        return self._chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


@dataclass(frozen=True, slots=True)
class Captured:
    """A chunk, its number, and when its first sample was captured (ms since the epoch)."""

    seq: int
    timestamp: int
    audio: bytes


async def capture(
    source: ChunkSource,
    audio_format: AudioFormat,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Captured]:
    """Yield chunk i, captured from t0 + i x chunkMs on, once it is complete, one chunkMs later.

    Times advance by the monotonic clock: setting the wall clock during a broadcast does not tear
    the sound apart. A live source that falls behind (its sound card is slow, it stalled) has its
    later chunks dated accordingly.
    """
    started, t0 = clock.monotonic(), clock.now_ms()
    full_ms = audio_format.duration_ms(audio_format.chunk_bytes)
    behind_ms = 0.0
    seq = 0
    async for audio in source:
        end_ms = seq * full_ms + audio_format.duration_ms(len(audio)) + behind_ms
        wait_ms = end_ms - (clock.monotonic() - started) * 1000
        if wait_ms > 0:
            await sleep(wait_ms / 1000)
        elif source.live:
            behind_ms -= wait_ms
        yield Captured(seq, t0 + round(seq * full_ms + behind_ms), audio)
        seq += 1
