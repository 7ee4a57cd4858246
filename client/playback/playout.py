"""What a listener hears: chunks through the jitter buffer into a sink, and the account of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from client.playback.audio import at_volume
from client.playback.interpretation_latency import (
    InterpretationLatency,
    InterpretationLatencySummary,
)
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
    """Where sound goes: a file, a loudspeaker."""

    def write(self, pcm: bytes) -> None:
        """Play s16le samples."""

    def silence(self, duration_ms: float) -> None:
        """Play nothing for so long."""


class NullSink:
    """Takes sound and forgets it."""

    def write(self, pcm: bytes) -> None:
        """Do nothing."""

    def silence(self, duration_ms: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ListenStats:
    """An account of what was heard; `latency` is None while nothing arrived, `ledger` while nothing
    was interpreted by a machine that says what it took.
    """

    language: str | None  # of the sound heard last
    counts: JitterCounts
    latency: LatencySummary | None
    interpretation: InterpretationLatencySummary | None = None


class Playout:
    """Plays what one listener hears. When the language of the sound changes, what has arrived of
    the former is played out at once, and the new one begins with a buffer of its own: their
    epochs and sequence numbers have nothing to do with each other.
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
        self._language: str | None = None
        self._buffer = self._new_buffer()
        self._former_counts = JitterCounts()
        self._former_latencies = LatencyRecord()
        self._interpretation = InterpretationLatency(audio_format.chunk_ms)

    @property
    def delay_ms(self) -> float:
        """From capture to playing."""
        return self._delay_ms

    def push(self, heard: AudioReceived) -> None:
        """Take in a chunk that arrived."""
        if heard.audio.language != self._language:
            self._change_to(heard.audio.language)
        self._silences.heard(heard.audio)
        verdict = self._buffer.push(heard.audio, heard.received_at_ms)
        if verdict is not ChunkOutcome.SUPERSEDED:
            self._interpretation.heard(heard.audio, heard.received_at_ms)

    def apply(self, state: BroadcastState) -> None:
        """Play at the volume of this state from now on, if it is newer than the last one; what it
        keeps back is no loss.
        """
        if state.last_state_change > self._state.last_state_change:
            self._state = state
            self._silences.note(state)

    def advance(self, now_ms: float) -> None:
        """Play what is due by `now_ms`, in the clock that the chunks' receipts are in."""
        self._play(self._buffer.pop(now_ms))

    def finish(self) -> None:
        """Play all that is left: nothing more will come."""
        self._play(self._buffer.flush())

    @property
    def next_due_ms(self) -> float | None:
        """When there will next be something to play; None if nothing waits."""
        return self._buffer.next_due_ms

    def stats(self) -> ListenStats:
        """The account so far, over all languages heard."""
        counts, latencies = JitterCounts(), LatencyRecord()
        for part in (self._former_counts, self._buffer.counts):
            counts.add(part)
        for record in (self._former_latencies, self._buffer.latencies):
            latencies.extend(record)
        return ListenStats(
            self._language, counts, latencies.summary(), self._interpretation.summary()
        )

    def _change_to(self, language: str) -> None:
        if self._language is not None:
            self.finish()
            self._former_counts.add(self._buffer.counts)
            self._former_latencies.extend(self._buffer.latencies)
            self._buffer = self._new_buffer()
            self._silences.forget()
        self._language = language

    def _new_buffer(self) -> JitterBuffer:
        return JitterBuffer(self._format, self._delay_ms, was_withheld=self._silences.explain)

    def _play(self, events: list[PlayoutEvent]) -> None:
        for event in events:
            if isinstance(event, Gap):
                self._sink.silence(event.chunks * self._format.chunk_ms)
            else:
                if event.pause_ms:
                    self._sink.silence(event.pause_ms)
                self._sink.write(at_volume(event.audio.audio, self._state.volume))
