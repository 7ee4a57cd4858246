"""How far behind live sound arrives, measured against the fastest chunk of the same connection.

Pure. Receipts are by a monotonic clock, so that steps of this machine's clock do not count. Of
the sender's clock only the time between chunks counts: chunks of a source do not overlap, so
timestamps that advance by less than the chunks last show that clock stepping back, not a delay.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.protocol.messages import Audio

# Capture timestamps of a source waver by so much (ms).
_WAVER_MS = 50


@dataclass(slots=True)
class _Source:
    """One epoch of a language: its last chunk, and its sound's time, from which steps are gone."""

    epoch: int
    seq: int
    timestamp: int
    position_ms: float
    fastest_ms: float


class LagMeter:
    """Measures one connection."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self.lag_ms = 0.0

    def observe(self, audio: Audio, chunk_ms: float, now_ms: float) -> float:
        """The lag (ms) after this chunk of so many ms was received at `now_ms`, monotonic."""
        source = self._sources.get(audio.language)
        if source is None or audio.epoch > source.epoch:
            # Another device, with another clock: nothing is known of it.
            self._sources[audio.language] = _Source(
                audio.epoch, audio.seq, audio.timestamp, 0.0, now_ms
            )
            self.lag_ms = 0.0
            return self.lag_ms
        chunks = audio.seq - source.seq
        if audio.epoch < source.epoch or chunks <= 0:
            return self.lag_ms  # overtaken, repeated, or of a former source
        advanced, least = audio.timestamp - source.timestamp, chunks * chunk_ms
        stepped_back = advanced < least - _WAVER_MS * chunks
        source.position_ms += least if stepped_back else advanced
        source.seq, source.timestamp = audio.seq, audio.timestamp
        delay_ms = now_ms - source.position_ms
        source.fastest_ms = min(source.fastest_ms, delay_ms)
        self.lag_ms = delay_ms - source.fastest_ms
        return self.lag_ms

    def forget(self) -> None:
        """What was measured is no delay of this connection: begin anew."""
        self._sources.clear()
        self.lag_ms = 0.0
