"""Sound as a microphone would give it: chunk after chunk, each at the time when it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from client.sound.chunks import chunks
from shared.models.audio_format import AudioFormat
from shared.utils.clock import Clock

Sleep = Callable[[float], Awaitable[None]]
# No recorder delivers so seldom (ms).
_STALL_MS = 1_000


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
    """A chunk, its number, and when its first sample was captured (ms since the epoch).

    `complete_at` is when its last sample was, by the monotonic clock (s).
    """

    seq: int
    timestamp: int
    audio: bytes
    complete_at: float


async def capture(
    source: ChunkSource,
    audio_format: AudioFormat,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Captured]:
    """Yield chunk i, captured from t0 + i x chunkMs on, once it is complete, one chunkMs later.

    Times advance by the monotonic clock: setting the wall clock during a broadcast does not tear
    the sound apart. A live source that falls behind (its sound card is slow, it stalled) has its
    later chunks dated accordingly. If this program has stalled, what the source has piled up
    meanwhile comes at once, with the times at which it was captured.
    """
    started, t0 = clock.monotonic(), clock.now_ms()
    full_ms = audio_format.duration_ms(audio_format.chunk_bytes)
    lag = _Lag(full_ms)
    seq = 0
    async for audio in source:
        end_ms = seq * full_ms + audio_format.duration_ms(len(audio))
        now_ms = (clock.monotonic() - started) * 1000
        if source.live:
            lag.note(now_ms - end_ms)
        wait_ms = end_ms + lag.ms - now_ms
        if wait_ms > 0:
            await sleep(wait_ms / 1000)
        complete_at = started + (end_ms + lag.ms) / 1000
        yield Captured(seq, t0 + round(seq * full_ms + lag.ms), audio, complete_at)
        seq += 1


class _Lag:
    """How far a live source is behind its first chunk (ms).

    It only grows, so that a recorder that delivers in lumps is played evenly. But a chunk that is
    later than that by more than a second may have waited for this program. Then those after it are
    each less late, by about their duration, and the lag is what it was before; else the source
    itself had stalled.
    """

    def __init__(self, chunk_ms: float) -> None:
        self.ms = 0.0
        self._chunk_ms = chunk_ms
        self._before: float | None = None  # the lag before a stall whose cause is not known yet
        self._late_ms = 0.0

    def note(self, late_ms: float) -> None:
        """The next chunk came so late after it should have been complete."""
        catching_up = late_ms < self._late_ms - self._chunk_ms / 2
        self._late_ms = late_ms
        if self._before is not None and catching_up:
            self.ms = self._before
            if late_ms <= self._before:
                self._before = None
            return
        self._before = self.ms if late_ms - self.ms > _STALL_MS else None
        self.ms = max(late_ms, self.ms)
