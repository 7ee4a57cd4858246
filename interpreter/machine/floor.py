"""Reordering and short-term history of floor audio. Pure.

Times are ms since the Unix epoch: timestamps by the speaker's clock, arrivals by the caller's.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from interpreter.engine import FloorChunk
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

# Stop waiting for a missing chunk once this many chunks are buffered.
_MAX_BUFFERED = 64


@dataclass(frozen=True, slots=True)
class _Buffered:
    audio: Audio
    arrived_at_ms: float

    @property
    def key(self) -> tuple[int, int]:
        return self.audio.epoch, self.audio.seq


class ReorderBuffer:
    """Puts chunks in order and removes duplicates received over other connections.

    The next chunk in sequence is released at once. A chunk after a gap waits `patience_ms` for the
    missing ones; `missing` counts those that never arrived. A newer epoch ends the previous one.
    """

    def __init__(self, patience_ms: float) -> None:
        self.missing = 0
        self._patience_ms = patience_ms
        self._buffered: list[_Buffered] = []
        self._position: tuple[int, int] | None = None

    def push(self, audio: Audio, now_ms: float) -> None:
        """Add a chunk that arrived at `now_ms`."""
        chunk = _Buffered(audio, now_ms)
        if self._position is not None and chunk.key <= self._position:
            return
        index = bisect.bisect_left(self._buffered, chunk.key, key=lambda item: item.key)
        if index == len(self._buffered) or self._buffered[index].key != chunk.key:
            self._buffered.insert(index, chunk)

    def pop(self, now_ms: float) -> list[Audio]:
        """Remove and return the chunks that are ready at `now_ms`, in order."""
        ready: list[Audio] = []
        while self._buffered and self._is_ready(self._buffered[0], now_ms):
            first = self._buffered.pop(0)
            if self._position is not None and self._position[0] == first.audio.epoch:
                self.missing += first.audio.seq - self._position[1] - 1
            self._position = first.key
            ready.append(first.audio)
        return ready

    @property
    def next_due_ms(self) -> float | None:
        """Latest time at which `pop` returns a chunk; None while the buffer is empty."""
        return min((it.arrived_at_ms + self._patience_ms for it in self._buffered), default=None)

    def _is_ready(self, first: _Buffered, now_ms: float) -> bool:
        position, last = self._position, self._buffered[-1]
        if position is None or first.audio.epoch != position[0]:
            return True
        return (
            first.audio.seq == position[1] + 1
            or last.audio.epoch != first.audio.epoch
            or len(self._buffered) > _MAX_BUFFERED
            # A later chunk that has waited long enough releases the earlier ones too.
            or any(now_ms >= it.arrived_at_ms + self._patience_ms for it in self._buffered)
        )


class FloorHistory:
    """The most recent `kept_ms` of floor audio, in order."""

    def __init__(self, audio_format: AudioFormat, kept_ms: float) -> None:
        self._format = audio_format
        self._kept_ms = kept_ms
        self._chunks: deque[FloorChunk] = deque()

    def add(self, chunk: FloorChunk) -> bool:
        """Add the next chunk, and drop chunks beyond `kept_ms`.

        Returns True if the timestamp steps back. The chunk is then by another clock, and all older
        chunks are dropped.
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
        """Floor time at the end of the newest chunk; None before the first chunk."""
        return self._end(self._chunks[-1]) if self._chunks else None

    def since(self, timestamp: float) -> Iterator[FloorChunk]:
        """Audio after the given floor time, cut to the sample."""
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
