"""Audio missed between two connections of a listener.

Pure. The sequence numbers around an interruption tell how many chunks are missing, if the source is
the same, and if that many fit into the time without audio: otherwise a pause withheld some of them.
Then that time is the upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from client.protocol.events import Interruption
from shared.protocol.messages import Audio

# A listener receives every chunk at the latest this long after joining (ms).
_SEATED_MS = 2_000
# The last chunk before an interruption may itself have been late by this much (ms).
_LATE_MS = 2_000


@dataclass(slots=True)
class InterruptionCounts:
    """Interruptions of a listener, and what was missed in them."""

    interruptions: int = 0
    recovered: int = 0  # interruptions in which nothing was missed
    chunks: int = 0  # missed, as far as known
    missed_ms: float = 0.0  # at most

    def add(self, interruption: Interruption) -> None:
        """Count an interruption."""
        self.interruptions += 1
        self.recovered += interruption.recovered
        self.chunks += interruption.chunks or 0
        self.missed_ms += interruption.missed_ms


@dataclass(slots=True)
class _Open:
    """An interruption that has not ended yet; `before` is the newest chunk before it."""

    before: Audio | None
    since_ms: float  # when the last chunk arrived
    complete: bool = True  # as far as the service has vouched for it
    connected_at_ms: float | None = None

    def longest_ms(self, now_ms: float) -> float:
        """Duration of the audio that can have been missed."""
        if self.connected_at_ms is not None:
            now_ms = min(now_ms, self.connected_at_ms + _SEATED_MS)
        return max(now_ms - self.since_ms, 0.0)


class InterruptionTracker:
    """Measures the interruptions of one listener. Times are ms of any one clock."""

    def __init__(self, chunk_ms: float) -> None:
        self.counts = InterruptionCounts()
        self._chunk_ms = chunk_ms
        self._newest: Audio | None = None
        self._received_at_ms: float | None = None
        self._open: _Open | None = None
        self._ended: list[Interruption] = []

    def received(self, audio: Audio, now_ms: float) -> None:
        """Note a received chunk, in any order."""
        self._received_at_ms = now_ms
        newest = self._newest
        if newest is None or audio.language != newest.language or _key(audio) > _key(newest):
            self._newest = audio

    def lost(self, now_ms: float) -> None:
        """Note the loss of the connection. A loss before any audio extends the former one."""
        if self._open is None:
            since_ms = now_ms if self._received_at_ms is None else self._received_at_ms
            self._open = _Open(self._newest, since_ms)
        self._open.connected_at_ms = None

    def reconnected(self, now_ms: float, *, recovered: bool) -> None:
        """Note the return; `recovered` is the service's answer."""
        if self._open is None:
            return
        self._open.connected_at_ms = now_ms
        self._open.complete = self._open.complete and recovered
        if self._open.complete:
            self._end(Interruption(0, 0.0))

    def playing(self, audio: Audio, now_ms: float) -> None:
        """Note a chunk that is played now, in order. The first new one ends an interruption."""
        missing = self._open
        if missing is None or missing.connected_at_ms is None:
            return
        before, longest_ms = missing.before, missing.longest_ms(now_ms)
        if before is None or audio.language != before.language or audio.epoch > before.epoch:
            self._end(Interruption(None, longest_ms))
        elif _key(audio) > _key(before):
            chunks = audio.seq - before.seq - 1
            # Missing chunks are taken to be as long as their neighbours.
            chunk_ms = min(it.chunk_ms or self._chunk_ms for it in (before, audio))
            if chunks * chunk_ms > longest_ms + _LATE_MS:
                self._end(Interruption(None, longest_ms))
            else:
                self._end(Interruption(chunks, chunks * chunk_ms))

    def finish(self, now_ms: float) -> None:
        """End an interruption after which nothing was heard any more."""
        if self._open is not None:
            self._end(Interruption(None, self._open.longest_ms(now_ms)))

    def take_ended(self) -> list[Interruption]:
        """Return the interruptions that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _end(self, interruption: Interruption) -> None:
        self._open = None
        self.counts.add(interruption)
        self._ended.append(interruption)


def _key(audio: Audio) -> tuple[int, int]:
    return audio.epoch, audio.seq
