"""The sound of the floor between its arrival and the service's last word on it.

What the service has not dealt with when a stream breaks is sent again on the next one, so that
neither a sentence nor its times are lost.
"""

from __future__ import annotations

from collections import deque

from interpreter.engine import FloorChunk

_SAMPLE_BYTES = 2


class FloorBuffer:
    """Chunks that wait to be sent, and those that were sent and are not settled.

    Together they last at most `most_ms`; of more, the oldest are dropped. Positions are ms in the
    sound of the present stream.
    """

    def __init__(self, sample_rate: int, most_ms: float) -> None:
        self._bytes_per_ms = sample_rate * _SAMPLE_BYTES / 1000
        self._most_ms = most_ms
        self._waiting: deque[FloorChunk] = deque()
        self._sent: deque[tuple[float, FloorChunk]] = deque()
        self._kept_ms = 0.0
        self.dropped_ms = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return bool(self._waiting)

    def duration(self, pcm: bytes) -> float:
        """How long that sound lasts (ms)."""
        return len(pcm) / self._bytes_per_ms

    def add(self, chunk: FloorChunk) -> None:
        """A chunk came in."""
        self._waiting.append(chunk)
        self._kept_ms += self.duration(chunk.pcm)
        while self._kept_ms > self._most_ms and (self._sent or len(self._waiting) > 1):
            # What was sent has at least been heard; what waits is lost altogether.
            if self._sent:
                oldest = self._sent.popleft()[1]
            else:
                oldest = self._waiting.popleft()
                self.dropped_ms += self.duration(oldest.pcm)
            self._kept_ms -= self.duration(oldest.pcm)

    def take(self) -> FloorChunk | None:
        """The next chunk to send, if there is one; tell `sent` when it is."""
        return self._waiting[0] if self._waiting else None

    def sent(self, chunk: FloorChunk, position_ms: float) -> None:
        """What `take` gave was sent, and ends at that position."""
        # While it was being sent it may have been dropped.
        if self._waiting and self._waiting[0] is chunk:
            self._waiting.popleft()
            self._sent.append((position_ms, chunk))

    def settle(self, position_ms: float) -> None:
        """The service has said all that it will of the sound up to that position."""
        while self._sent and self._sent[0][0] <= position_ms:
            self._kept_ms -= self.duration(self._sent.popleft()[1].pcm)
        if self._sent:
            end, chunk = self._sent[0]
            over = position_ms - (end - self.duration(chunk.pcm))
            if over > 0:
                self._sent[0] = (end, self._cut(chunk, over))

    def _cut(self, chunk: FloorChunk, over_ms: float) -> FloorChunk:
        """The chunk without its first ms."""
        cut = int(over_ms * self._bytes_per_ms) // _SAMPLE_BYTES * _SAMPLE_BYTES
        self._kept_ms -= self.duration(chunk.pcm[:cut])
        return FloorChunk(round(chunk.timestamp + over_ms), chunk.pcm[cut:])

    def settle_all(self) -> None:
        """The service has said all that it will of what was sent."""
        self.settle(float("inf"))

    def rewind(self) -> None:
        """The stream is lost: what is not settled waits again, before what waits."""
        self._waiting.extendleft(chunk for _, chunk in reversed(self._sent))
        self._sent.clear()
