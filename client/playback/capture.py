"""Capture of chunks in real time, as from a microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from client.sound.chunks import chunks
from shared.models.audio_format import AudioFormat
from shared.utils.clock import Clock

Sleep = Callable[[float], Awaitable[None]]
# A longer delay than this (ms) is a stall; recorders deliver more often.
_STALL_MS = 1_000


class ChunkSource(Protocol):
    """Source of chunks; a `live` one delivers no faster than real time."""

    @property
    def live(self) -> bool:
        """True for a microphone, False for a recording."""

    @property
    def total(self) -> int | None:
        """Number of chunks, if known."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the chunks; all but the last are full."""


class Recording:
    """Recorded s16le samples as a source of chunks."""

    live = False

    def __init__(self, pcm: bytes, audio_format: AudioFormat) -> None:
        self._chunks = list(chunks(pcm, audio_format))

    @property
    def total(self) -> int:
        """Number of chunks."""
        return len(self._chunks)

    @property
    def chunks(self) -> list[bytes]:
        """The chunks as they will be sent."""
        return self._chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured chunk.

    `timestamp` is the capture time of its first sample (ms since the epoch), `complete_at` that of
    its last sample (s of the monotonic clock). `parts` is its number of chunks of the session's
    duration, see `client.playback.joiner`.
    """

    seq: int
    timestamp: int
    audio: bytes
    complete_at: float
    parts: int = 1


async def capture(
    source: ChunkSource,
    audio_format: AudioFormat,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Captured]:
    """Yield each chunk when it is complete: chunk i begins at t0 + i x chunkMs.

    Times follow the monotonic clock, so setting the wall clock does not disturb a broadcast. If a
    live source falls behind (a slow sound card, a stall), later timestamps are delayed
    accordingly. If this process stalls, the chunks buffered meanwhile come at once, with their
    original capture times.
    """
    started, t0 = clock.monotonic(), clock.now_ms()
    full_ms = audio_format.duration_ms(audio_format.chunk_bytes)
    delay = _SourceDelay(full_ms)
    seq = 0
    async for audio in source:
        end_ms = seq * full_ms + audio_format.duration_ms(len(audio))
        now_ms = (clock.monotonic() - started) * 1000
        if source.live:
            delay.observe(now_ms - end_ms)
        wait_ms = end_ms + delay.ms - now_ms
        if wait_ms > 0:
            await sleep(wait_ms / 1000)
        complete_at = started + (end_ms + delay.ms) / 1000
        yield Captured(seq, t0 + round(seq * full_ms + delay.ms), audio, complete_at)
        seq += 1


class _SourceDelay:
    """Delay of a live source relative to its first chunk (ms).

    The delay only grows, so that a recorder that delivers in bursts is sent evenly. A chunk more
    than a second later than that has two possible causes. If this process stalled, each following
    chunk is less late by about its duration, and the former delay is restored. Otherwise the
    source stalled, and the new delay stands.
    """

    def __init__(self, chunk_ms: float) -> None:
        self.ms = 0.0
        self._chunk_ms = chunk_ms
        self._before: float | None = None  # delay before a stall of unknown cause
        self._late_ms = 0.0

    def observe(self, late_ms: float) -> None:
        """Update the delay with the lateness of the next chunk."""
        catching_up = late_ms < self._late_ms - self._chunk_ms / 2
        self._late_ms = late_ms
        if self._before is not None and catching_up:
            self.ms = self._before
            if late_ms <= self._before:
                self._before = None
            return
        self._before = self.ms if late_ms - self.ms > _STALL_MS else None
        self.ms = max(late_ms, self.ms)
