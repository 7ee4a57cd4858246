"""Playout: chunks through the jitter buffer into a sink, with statistics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from client.playback.audio import at_volume
from client.playback.interpretation_latency import (
    InterpretationLatency,
    InterpretationLatencySummary,
)
from client.playback.interruptions import InterruptionCounts, InterruptionTracker
from client.playback.jitter import (
    DEFAULT_PLAYOUT_DELAY_MS,
    ChunkOutcome,
    Gap,
    JitterBuffer,
    JitterCounts,
    PlayoutEvent,
)
from client.playback.latency import LatencyRecord, LatencySummary
from client.playback.silences import SilenceTracker
from client.protocol.events import AudioReceived
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState


class Sink(Protocol):
    """Destination of audio: a file or a loudspeaker."""

    def write(self, pcm: bytes) -> None:
        """Play s16le samples."""

    def silence(self, duration_ms: float) -> None:
        """Play silence."""


class NullSink:
    """A sink that discards audio."""

    def write(self, pcm: bytes) -> None:
        """Do nothing."""

    def silence(self, duration_ms: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ListenStats:
    """Statistics of a listener.

    `latency` is None until audio arrives, `interpretation` until machine-interpreted audio with
    stage times arrives.
    """

    language: str | None  # of the latest audio
    counts: JitterCounts
    latency: LatencySummary | None
    interpretation: InterpretationLatencySummary | None = None
    interruptions: InterruptionCounts = field(default_factory=InterruptionCounts)


class Playout:
    """Plays the audio of one listener.

    When the language of the audio changes, the remaining chunks of the former are played at once,
    and a new jitter buffer starts: epochs and sequence numbers of two languages are unrelated.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        sink: Sink,
        playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
        state: BroadcastState | None = None,
    ) -> None:
        self._format = audio_format
        self._sink = sink
        self._delay_ms = playout_delay_ms
        self._state = state or BroadcastState()
        self._silences = SilenceTracker()
        self.interruptions = InterruptionTracker(audio_format.chunk_ms)
        self._language: str | None = None
        self._now_ms = 0.0  # of the last `advance`
        self._buffer = self._new_buffer()
        self._former_counts = JitterCounts()
        self._former_latencies = LatencyRecord()
        self._interpretation = InterpretationLatency(audio_format.chunk_ms)

    @property
    def delay_ms(self) -> float:
        """Playout delay from capture."""
        return self._delay_ms

    def push(self, heard: AudioReceived) -> None:
        """Add a received chunk."""
        if heard.audio.language != self._language:
            self._change_to(heard.audio.language)
        self._silences.observe(heard.audio)
        self.interruptions.received(heard.audio, heard.received_at_ms)
        verdict = self._buffer.push(heard.audio, heard.received_at_ms)
        if verdict is not ChunkOutcome.SUPERSEDED:
            self._interpretation.add(heard.audio, heard.received_at_ms)

    def apply(self, state: BroadcastState) -> None:
        """Apply the volume and the pauses of a broadcast state, if it is newer."""
        if state.last_state_change > self._state.last_state_change:
            self._state = state
            self._silences.apply(state)

    def advance(self, now_ms: float) -> None:
        """Play the chunks due by `now_ms`, by the clock of their receive times."""
        self._now_ms = now_ms
        self._play(self._buffer.pop(now_ms))

    def finish(self) -> None:
        """Play all remaining chunks, at the end of the stream."""
        self._flush()
        self.interruptions.finish(self._now_ms)

    @property
    def next_due_ms(self) -> float | None:
        """When the next chunk is due, in ms since the epoch; None if none is buffered."""
        return self._buffer.next_due_ms

    def stats(self) -> ListenStats:
        """Return the statistics so far, over all languages."""
        counts, latencies = JitterCounts(), LatencyRecord()
        for part in (self._former_counts, self._buffer.counts):
            counts.add(part)
        for record in (self._former_latencies, self._buffer.latencies):
            latencies.extend(record)
        return ListenStats(
            self._language,
            counts,
            latencies.summary(),
            self._interpretation.summary(),
            self.interruptions.counts,
        )

    def _change_to(self, language: str) -> None:
        if self._language is not None:
            self._flush()
            self._former_counts.add(self._buffer.counts)
            self._former_latencies.extend(self._buffer.latencies)
            self._buffer = self._new_buffer()
            self._silences.reset()
        self._language = language

    def _flush(self) -> None:
        self._play(self._buffer.flush())

    def _new_buffer(self) -> JitterBuffer:
        return JitterBuffer(self._format, self._delay_ms, was_withheld=self._silences.was_withheld)

    def _play(self, events: list[PlayoutEvent]) -> None:
        for event in events:
            if isinstance(event, Gap):
                self._sink.silence(event.chunks * event.chunk_ms)
            else:
                if event.pause_ms:
                    self._sink.silence(event.pause_ms)
                self.interruptions.playing(event.audio, self._now_ms)
                self._sink.write(at_volume(event.audio.audio, self._state.volume))
