"""Audio missed while a listener was disconnected.

Pure. The sequence numbers around an interruption tell exactly how many chunks are missing, as long
as the source is the same. Otherwise the time without a connection is the upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from client.protocol.events import Interruption
from shared.protocol.messages import Audio


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
    lost_at_ms: float
    complete: bool = True  # as far as the service has vouched for it
    connected: bool = False


class InterruptionTracker:
    """Measures the interruptions of one listener. Times are ms of any one clock."""

    def __init__(self, chunk_ms: float) -> None:
        self.counts = InterruptionCounts()
        self._chunk_ms = chunk_ms
        self._newest: Audio | None = None
        self._open: _Open | None = None
        self._ended: list[Interruption] = []

    def received(self, audio: Audio) -> None:
        """Note a received chunk, in any order."""
        newest = self._newest
        if newest is None or audio.language != newest.language or _key(audio) > _key(newest):
            self._newest = audio

    def lost(self, now_ms: float) -> None:
        """Note the loss of the connection. A loss before any audio extends the former one."""
        if self._open is None:
            self._open = _Open(self._newest, now_ms)
        self._open.connected = False

    def reconnected(self, *, recovered: bool) -> None:
        """Note the return; `recovered` is the service's answer."""
        if self._open is None:
            return
        self._open.connected = True
        self._open.complete = self._open.complete and recovered
        if self._open.complete:
            self._end(Interruption(0, 0.0))

    def playing(self, audio: Audio, now_ms: float) -> None:
        """Note a chunk that is played now, in order. The first new one ends an interruption."""
        missing = self._open
        if missing is None or not missing.connected:
            return
        before = missing.before
        if before is None or (audio.language, audio.epoch) != (before.language, before.epoch):
            if before is None or audio.language != before.language or audio.epoch > before.epoch:
                self._end(Interruption(None, now_ms - missing.lost_at_ms))
        elif audio.seq > before.seq:
            chunks = audio.seq - before.seq - 1
            self._end(Interruption(chunks, chunks * self._chunk_ms))

    def finish(self, now_ms: float) -> None:
        """End an interruption after which nothing was heard any more."""
        if self._open is not None:
            self._end(Interruption(None, now_ms - self._open.lost_at_ms))

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
