"""Lag of live audio, relative to the fastest chunk of the same connection.

Pure. Receive times are monotonic, so steps of this machine's clock have no effect. Of the sender's
clock, only differences between chunks matter. Chunks of a source do not overlap, so timestamps
that advance by less than the chunks' duration indicate a clock set back, not a delay.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.protocol.messages import Audio

# Jitter of a source's capture timestamps (ms).
_TIMESTAMP_JITTER_MS = 50


@dataclass(slots=True)
class _Source:
    """One epoch of a language: its last chunk, and its position without clock steps."""

    epoch: int
    seq: int
    timestamp: int
    position_ms: float
    fastest_ms: float


class LagMeter:
    """Measures the lag of one connection."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self.lag_ms = 0.0

    def observe(self, audio: Audio, chunk_ms: float, now_ms: float) -> float:
        """Return the lag (ms) after a chunk received at `now_ms`, monotonic.

        `chunk_ms` is the duration of the session's chunks; none is shorter.
        """
        source = self._sources.get(audio.language)
        if source is None or audio.epoch > source.epoch:
            # A new epoch may come from another device with another clock.
            fastest_ms = now_ms - (audio.chunk_ms or chunk_ms)
            self._sources[audio.language] = _Source(
                audio.epoch, audio.seq, audio.timestamp, 0.0, fastest_ms
            )
            self.lag_ms = 0.0
            return self.lag_ms
        chunks = audio.seq - source.seq
        if audio.epoch < source.epoch or chunks <= 0:
            return self.lag_ms  # reordered, repeated, or of a former source
        advanced, least = audio.timestamp - source.timestamp, chunks * chunk_ms
        stepped_back = advanced < least - _TIMESTAMP_JITTER_MS * chunks
        source.position_ms += least if stepped_back else advanced
        source.seq, source.timestamp = audio.seq, audio.timestamp
        # A chunk is sent when its last sample is captured.
        delay_ms = now_ms - source.position_ms - (audio.chunk_ms or chunk_ms)
        source.fastest_ms = min(source.fastest_ms, delay_ms)
        self.lag_ms = delay_ms - source.fastest_ms
        return self.lag_ms

    def forget(self) -> None:
        """Discard all measurements and start again."""
        self._sources.clear()
        self.lag_ms = 0.0
