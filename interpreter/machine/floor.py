"""The floor's sound as it comes from the network, made fit for a recogniser. No input or output.

Times are ms since the epoch: timestamps by the speaker's clock, arrivals by the caller's.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from interpreter.engine import FloorChunk
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

# Nothing sane waits in such a crowd for a chunk that is missing.
_MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    audio: Audio
    arrived_at_ms: float

    @property
    def key(self) -> tuple[int, int]:
        return self.audio.epoch, self.audio.seq


class FloorOrder:
    """Puts chunks in order, each once, whichever connection brought it.

    One that follows on the last comes out at once. One after a gap waits `patience_ms` for what is
    missing; `missing` counts what never came. A newer epoch ends the one before it.
    """

    def __init__(self, patience_ms: float) -> None:
        self.missing = 0
        self._patience_ms = patience_ms
        self._waiting: list[_Waiting] = []
        self._position: tuple[int, int] | None = None

    def push(self, audio: Audio, now_ms: float) -> None:
        """Take in a chunk that arrived at `now_ms`."""
        waiting = _Waiting(audio, now_ms)
        if self._position is not None and waiting.key <= self._position:
            return
        index = bisect.bisect_left(self._waiting, waiting.key, key=lambda item: item.key)
        if index == len(self._waiting) or self._waiting[index].key != waiting.key:
            self._waiting.insert(index, waiting)

    def pop(self, now_ms: float) -> list[Audio]:
        """What may be heard by `now_ms`, in order."""
        ready: list[Audio] = []
        while self._waiting and self._may_go(self._waiting[0], now_ms):
            first = self._waiting.pop(0)
            if self._position is not None and self._position[0] == first.audio.epoch:
                self.missing += first.audio.seq - self._position[1] - 1
            self._position = first.key
            ready.append(first.audio)
        return ready

    @property
    def next_due_ms(self) -> float | None:
        """When `pop` will have something at the latest; None when nothing waits."""
        return min((it.arrived_at_ms + self._patience_ms for it in self._waiting), default=None)

    def _may_go(self, first: _Waiting, now_ms: float) -> bool:
        position, last = self._position, self._waiting[-1]
        if position is None or first.audio.epoch != position[0]:
            return True
        return (
            first.audio.seq == position[1] + 1
            or last.audio.epoch != first.audio.epoch
            or len(self._waiting) > _MOST_WAITING
            # One that follows on another that has waited long enough goes first.
            or any(now_ms >= it.arrived_at_ms + self._patience_ms for it in self._waiting)
        )


class Recent:
    """The last `kept_ms` of the floor, in order."""

    def __init__(self, audio_format: AudioFormat, kept_ms: float) -> None:
        self._format = audio_format
        self._kept_ms = kept_ms
        self._chunks: deque[FloorChunk] = deque()

    def add(self, chunk: FloorChunk) -> bool:
        """Take in the next chunk; the oldest are forgotten. True if its time is before the last
        one's, so of another clock: then all are.
        """
        stepped_back = bool(self._chunks) and chunk.timestamp < self._chunks[-1].timestamp
        if stepped_back:
            self._chunks.clear()
        self._chunks.append(chunk)
        while len(self._chunks) > self._kept_ms / self._format.chunk_ms:
            self._chunks.popleft()
        return stepped_back

    @property
    def end(self) -> float | None:
        """The floor time up to which it was heard; None before the first chunk."""
        return self._end(self._chunks[-1]) if self._chunks else None

    def since(self, timestamp: float) -> Iterator[FloorChunk]:
        """What was said after that floor time, to the sample."""
        for chunk in self._chunks:
            if chunk.timestamp >= timestamp:
                yield chunk
            elif self._end(chunk) > timestamp:
                early_ms = timestamp - chunk.timestamp
                samples = round(early_ms * self._format.sample_rate / 1000)
                pcm = chunk.pcm[samples * self._format.frame_bytes :]
                if pcm:
                    yield FloorChunk(round(timestamp), pcm)

    def _end(self, chunk: FloorChunk) -> float:
        return chunk.timestamp + self._format.duration_ms(len(chunk.pcm))
