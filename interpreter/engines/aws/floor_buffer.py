"""Buffer of floor audio until Transcribe has settled it.

Audio not settled when a stream breaks is sent again on the next stream, so that no sentence is
lost and times stay right.
"""

from __future__ import annotations

from collections import deque

from interpreter.engine import FloorChunk

_SAMPLE_BYTES = 2


class FloorBuffer:
    """Holds chunks that wait to be sent, and sent chunks that are not settled.

    Holds up to `max_ms` of audio and drops the oldest beyond that. Positions are ms of audio in
    the current stream.
    """

    def __init__(self, sample_rate: int, max_ms: float) -> None:
        self._bytes_per_ms = sample_rate * _SAMPLE_BYTES / 1000
        self._max_ms = max_ms
        self._waiting: deque[FloorChunk] = deque()
        self._sent: deque[tuple[float, FloorChunk]] = deque()
        self._kept_ms = 0.0
        self.dropped_ms = 0.0

    @property
    def waiting(self) -> bool:
        """Whether chunks wait to be sent."""
        return bool(self._waiting)

    def duration(self, pcm: bytes) -> float:
        """Duration of samples (ms)."""
        return len(pcm) / self._bytes_per_ms

    def add(self, chunk: FloorChunk) -> None:
        """Append a chunk."""
        self._waiting.append(chunk)
        self._kept_ms += self.duration(chunk.pcm)
        while self._kept_ms > self._max_ms and (self._sent or len(self._waiting) > 1):
            # Drop sent chunks first: Transcribe has at least received them.
            if self._sent:
                oldest = self._sent.popleft()[1]
            else:
                oldest = self._waiting.popleft()
                self.dropped_ms += self.duration(oldest.pcm)
            self._kept_ms -= self.duration(oldest.pcm)

    def take(self) -> FloorChunk | None:
        """Next chunk to send, if any. Call `sent` after sending it."""
        return self._waiting[0] if self._waiting else None

    def sent(self, chunk: FloorChunk, position_ms: float) -> None:
        """Record that the chunk from `take` was sent, and where it ends in the stream."""
        # It may have been dropped while it was being sent.
        if self._waiting and self._waiting[0] is chunk:
            self._waiting.popleft()
            self._sent.append((position_ms, chunk))

    def settle(self, position_ms: float) -> None:
        """Drop sent audio up to a position, since no more results will come for it."""
        while self._sent and self._sent[0][0] <= position_ms:
            self._kept_ms -= self.duration(self._sent.popleft()[1].pcm)
        if self._sent:
            end, chunk = self._sent[0]
            over = position_ms - (end - self.duration(chunk.pcm))
            if over > 0:
                self._sent[0] = (end, self._cut(chunk, over))

    def _cut(self, chunk: FloorChunk, over_ms: float) -> FloorChunk:
        """Cut the first `over_ms` off a chunk."""
        cut = int(over_ms * self._bytes_per_ms) // _SAMPLE_BYTES * _SAMPLE_BYTES
        self._kept_ms -= self.duration(chunk.pcm[:cut])
        return FloorChunk(round(chunk.timestamp + over_ms), chunk.pcm[cut:])

    def settle_all(self) -> None:
        """Drop all sent audio."""
        self.settle(float("inf"))

    def rewind(self) -> None:
        """Queue the unsettled audio of a lost stream again, before the waiting chunks."""
        self._waiting.extendleft(chunk for _, chunk in reversed(self._sent))
        self._sent.clear()
