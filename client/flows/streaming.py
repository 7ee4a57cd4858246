"""Sending of captured audio in real time, for speakers and interpreters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from client.changes import Changes
from client.errors import OffAirError, UnavailableError
from client.playback.capture import Captured, ChunkSource, Sleep, capture
from client.playback.joiner import ChunkJoiner
from client.protocol.events import AudioRefused
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import AudioFormatHint
from shared.utils.clock import Clock

# Added to a chunk's deadline at the service: network time and a cold start.
_MARGIN_MS = 300


class AudioSender(Protocol):
    """Sends chunks: a Connection."""

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, *, chunk_ms: int | None = None
    ) -> None:
        """Send one chunk; may wait while the network is slow. Raises UnavailableError."""


@dataclass(slots=True)
class StreamReport:
    """Counters of a stream so far, in chunks of `chunk_ms`; `total` is None for a live source.

    A message of several chunks counts as these.
    """

    chunk_ms: int
    total: int | None = None
    captured: int = 0
    sent: int = 0
    dropped: int = 0  # captured, but not sent in time: the network was too slow or down
    refused: int = 0  # sent, but refused by the service
    off_air: int = 0  # captured while another interpreter was on air


ProgressHook = Callable[[StreamReport], None]


class Streamer:
    """Sends one stream of chunks; `report` has its counters.

    Chunks are as long as the session's, until the service asks for others.
    """

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
        self._joiner = ChunkJoiner(audio_format)
        self._last_parts = 1
        self._changes = Changes()
        self._complete = False

    async def run(self, source: ChunkSource) -> None:
        """Send the source, each chunk when it is complete. Raises ConnectionLostError."""
        self.report.total = source.total
        await run_until_first_ends(self._send(), self._capture(source))

    @property
    def drain_seconds(self) -> float:
        """How long after its last chunk the stream has been delivered."""
        return (self._deadline_ms(self._last_parts) + _MARGIN_MS) / 1000

    def follow(self, hint: AudioFormatHint) -> None:
        """Send chunks of the duration that the service asks for."""
        self._joiner.set_chunk_ms(hint.chunk_ms)

    def refused(self, event: AudioRefused) -> None:
        """Count a retryable refusal; raise any other."""
        if not event.error.retryable:
            raise event.error
        self.count_refused()

    def count_refused(self) -> None:
        """Count a refused message."""
        self.report.refused += self._last_parts

    async def _capture(self, source: ChunkSource) -> None:
        async for chunk in capture(source, self._format, self._clock, self._sleep):
            self.report.captured += 1
            self._enqueue(self._joiner.add(chunk))
        self._enqueue(self._joiner.flush())
        self._complete = True
        self._changes.notify()
        await asyncio.Event().wait()  # until the sender has finished and this task is cancelled

    def _enqueue(self, chunks: Iterable[Captured]) -> None:
        for chunk in chunks:
            if len(self._queue) == self._queue.maxlen:
                self.report.dropped += self._queue[0].parts
            self._queue.append(chunk)
            self._changes.notify()

    async def _send(self) -> None:
        while True:
            while self._queue:
                await self._send_chunk(self._queue.popleft())
                self._on_progress(self.report)
            if self._complete:
                return
            await self._changes.until(lambda: self._queue or self._complete)

    async def _send_chunk(self, chunk: Captured) -> None:
        if self._is_old(chunk):
            self.report.dropped += chunk.parts
            return
        self._last_parts = chunk.parts
        chunk_ms = chunk.parts * self._format.chunk_ms if chunk.parts > 1 else None
        try:
            await self._sender.send_audio(
                chunk.seq, chunk.timestamp, chunk.audio, chunk_ms=chunk_ms
            )
            self.report.sent += chunk.parts
        except OffAirError:
            self.report.off_air += chunk.parts
        except UnavailableError:
            self.report.dropped += chunk.parts

    def _deadline_ms(self, parts: int) -> int:
        return self._format.with_chunk_ms(parts * self._format.chunk_ms).deadline_ms

    def _is_old(self, chunk: Captured) -> bool:
        """Return whether a chunk is past its deadline, because this process or the network stalled.

        Sending it would only make the service refuse newer chunks.
        """
        age_ms = (self._clock.monotonic() - chunk.complete_at) * 1000
        return age_ms > self._deadline_ms(chunk.parts)


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
