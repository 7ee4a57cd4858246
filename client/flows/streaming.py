"""Sending captured sound in real time, for speakers and interpreters alike."""

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

# Beyond a chunk's deadline at the service: the way there, and a service that has just woken up.
_MARGIN_MS = 300


class AudioSender(Protocol):
    """What chunks are sent with: a Connection."""

    async def send_audio(self, seq: int, timestamp: int, audio: bytes) -> None:
        """Send one chunk; may wait while the network is slow. Raises UnavailableError."""


@dataclass(slots=True)
class StreamReport:
    """What became of the chunks so far; `total` is None for a live source."""

    chunk_ms: int
    total: int | None = None
    captured: int = 0
    sent: int = 0
    dropped: int = 0  # captured, but the network was too slow, or away, to send them in time
    refused: int = 0  # sent, but not taken by the service
    off_air: int = 0  # captured while another interpreter was the voice


ProgressHook = Callable[[StreamReport], None]


def drain_seconds(audio_format: AudioFormat) -> float:
    """How long after its last chunk a stream is surely delivered, so that one may leave."""
    return (audio_format.deadline_ms + _MARGIN_MS) / 1000


class Streamer:
    """Sends one stream of chunks; `report` tells how it goes."""

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
        # Live audio is not queued behind old audio: what cannot be sent while it is of use goes.
        waiting = audio_format.deadline_ms // audio_format.chunk_ms
        self._waiting: deque[Captured] = deque(maxlen=waiting)
        self._changes = Changes()
        self._complete = False

    async def run(self, source: ChunkSource) -> None:
        """Send the whole source, each chunk when it is complete. Raises ConnectionLostError."""
        self.report.total = source.total
        await run_until_first_ends(self._send(), self._capture(source))

    def refused(self, event: AudioRefused) -> None:
        """Count a refusal that may pass. Raises it if sending on is of no use."""
        if not event.error.retryable:
            raise event.error
        self.report.refused += 1

    async def _capture(self, source: ChunkSource) -> None:
        async for chunk in capture(source, self._format, self._clock, self._sleep):
            self.report.captured += 1
            if len(self._waiting) == self._waiting.maxlen:
                self.report.dropped += 1
            self._waiting.append(chunk)
            self._changes.notify()
        self._complete = True
        self._changes.notify()
        await asyncio.Event().wait()  # for the sender, which ends both

    async def _send(self) -> None:
        while True:
            while self._waiting:
                chunk = self._waiting.popleft()
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
            await self._changes.until(lambda: self._waiting or self._complete)

    def _is_old(self, chunk: Captured) -> bool:
        """Whether a chunk waited for so long, for this program or the network, that it is of no
        use: it would be late, and after a stall make the service refuse those that are not.
        """
        age_ms = (self._clock.monotonic() - chunk.complete_at) * 1000
        return age_ms > self._format.deadline_ms


async def run_until_first_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Run until the first of them ends, cancel the others, and raise if one failed."""
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
