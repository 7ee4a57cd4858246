"""Sending of captured audio in real time, for speakers and interpreters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from client.changes import Changes
from client.errors import OffAirError, UnavailableError
from client.playback.capture import Captured, ChunkSource, Sleep, capture
from client.protocol.events import AudioRefused
from shared.models.audio_format import AudioFormat
from shared.utils.clock import Clock

# Added to a chunk's deadline at the service: network time and a cold start.
_MARGIN_MS = 300


class AudioSender(Protocol):
    """Sends chunks: a Connection."""

    async def send_audio(self, seq: int, timestamp: int, audio: bytes) -> None:
        """Send one chunk; may wait while the network is slow. Raises UnavailableError."""


@dataclass(slots=True)
class StreamReport:
    """Counters of a stream so far; `total` is None for a live source."""

    chunk_ms: int
    total: int | None = None
    captured: int = 0
    sent: int = 0
    dropped: int = 0  # captured, but not sent in time: the network was too slow or down
    refused: int = 0  # sent, but refused by the service
    off_air: int = 0  # captured while another interpreter was on air


ProgressHook = Callable[[StreamReport], None]


def drain_seconds(audio_format: AudioFormat) -> float:
    """Return how long after its last chunk a stream has been delivered."""
    return (audio_format.deadline_ms + _MARGIN_MS) / 1000


class Streamer:
    """Sends one stream of chunks; `report` has its counters."""

    def __init__(
        self,
        sender: AudioSender,
        audio_format: AudioFormat,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        on_progress: ProgressHook = lambda report: None,
    ) -> None:
        self.report = StreamReport(audio_format.chunk_ms)
        self._sender = sender
        self._format = audio_format
        self._clock = clock
        self._sleep = sleep
        self._on_progress = on_progress
        # Live audio is not queued behind old audio: chunks past their deadline are dropped.
        capacity = audio_format.deadline_ms // audio_format.chunk_ms
        self._queue: deque[Captured] = deque(maxlen=capacity)
        self._changes = Changes()
        self._complete = False

    async def run(self, source: ChunkSource) -> None:
        """Send the source, each chunk when it is complete. Raises ConnectionLostError."""
        self.report.total = source.total
        await run_until_first_ends(self._send(), self._capture(source))

    def refused(self, event: AudioRefused) -> None:
        """Count a retryable refusal; raise any other."""
        if not event.error.retryable:
            raise event.error
        self.report.refused += 1

    async def _capture(self, source: ChunkSource) -> None:
        async for chunk in capture(source, self._format, self._clock, self._sleep):
            self.report.captured += 1
            if len(self._queue) == self._queue.maxlen:
                self.report.dropped += 1
            self._queue.append(chunk)
            self._changes.notify()
        self._complete = True
        self._changes.notify()
        await asyncio.Event().wait()  # until the sender has finished and this task is cancelled

    async def _send(self) -> None:
        while True:
            while self._queue:
                chunk = self._queue.popleft()
                if self._is_old(chunk):
                    self.report.dropped += 1
                    self._on_progress(self.report)
                    continue
                try:
                    await self._sender.send_audio(chunk.seq, chunk.timestamp, chunk.audio)
                    self.report.sent += 1
                except OffAirError:
                    self.report.off_air += 1
                except UnavailableError:
                    self.report.dropped += 1
                self._on_progress(self.report)
            if self._complete:
                return
            await self._changes.until(lambda: self._queue or self._complete)

    def _is_old(self, chunk: Captured) -> bool:
        """Return whether a chunk is past its deadline, because this process or the network stalled.

        Sending it would only make the service refuse newer chunks.
        """
        age_ms = (self._clock.monotonic() - chunk.complete_at) * 1000
        return age_ms > self._format.deadline_ms


async def run_until_first_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Run until the first coroutine ends, cancel the others, and raise if one failed."""
    tasks = [asyncio.create_task(item) for item in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()
