"""Jitter buffer: chunks go in as they arrive and come out in order, at a fixed delay.

Pure: no clock and no I/O. The caller passes the time in ms since the epoch.

A chunk is due at capture timestamp + duration + playout delay, in the receiver's time
(`client.playback.clock_anchor` maps between the clocks). A chunk that arrives after that, or after
a later chunk was played, is late: it is counted and never played, because live audio does not
queue behind old audio. A chunk that arrives in time is always played.

A skip in the sequence within an epoch is a gap, reported once, right before the next chunk. The
first chunk of an epoch, or after joining, may have any number without being a gap. A skip in the
timestamps alone is no gap either: an interpreter sends nothing between sentences.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum

from client.playback.clock_anchor import ClockAnchor
from client.playback.latency import LatencyRecord
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

DEFAULT_PLAYOUT_DELAY_MS = 400
# PROTOCOL rule 1: an older epoch is accepted for this long after a newer one began.
EPOCH_GRACE_MS = 2_000
# Half a minute of the shortest chunks; normally a chunk waits for the delay and a second at most.
DEFAULT_CAPACITY = 300
# Chunks to remember, to recognise duplicates.
_MAX_SEEN = 4_096


class ChunkOutcome(Enum):
    """What became of a received chunk."""

    ACCEPTED = "accepted"  # will be played
    DUPLICATE = "duplicate"  # this (epoch, seq) was received before
    LATE = "late"  # its playout time, or that of a later chunk, has passed
    SUPERSEDED = "superseded"  # its epoch has been replaced by a newer one


@dataclass(frozen=True, slots=True)
class Played:
    """A chunk to play now, after a pause of `pause_ms` in which nothing was sent.

    `latency_ms` is defined by PROTOCOL rule 2, `due_at_ms` is the playout time.
    """

    audio: Audio
    due_at_ms: float
    latency_ms: float
    pause_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing chunks `first`..`last` of `epoch`, taken to last `chunk_ms` each.

    `captured_ms` is the time between the end of the previous chunk and the start of the next one,
    None if there is no next one. `continuous` says that it equals the missing chunks' duration:
    audio was captured meanwhile, and was either lost or withheld by the server during a pause.
    """

    epoch: int
    first: int
    last: int
    captured_ms: float | None
    continuous: bool
    chunk_ms: float

    @property
    def chunks(self) -> int:
        """Number of missing chunks."""
        return self.last - self.first + 1


PlayoutEvent = Played | Gap


@dataclass(slots=True)
class JitterCounts:
    """Counters of a jitter buffer.

    Every pushed chunk counts once as `received`, `duplicate` or `superseded`; every received chunk
    counts once as `played`, `late` or `dropped`.
    """

    received: int = 0
    duplicate: int = 0
    superseded: int = 0
    played: int = 0
    late: int = 0
    dropped: int = 0  # pushed out of a full buffer
    gaps: int = 0
    gap_chunks: int = 0
    withheld: int = 0  # chunks withheld during a pause or mute: neither gaps nor losses

    def add(self, other: JitterCounts) -> None:
        """Add the counts of another buffer."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


@dataclass(frozen=True, slots=True)
class _BufferedChunk:
    audio: Audio
    end_at_ms: float  # timestamp + duration, by the sender's clock
    latency_ms: float
    nominal_ms: float  # its source's chunkMs; the last chunk of a stream may be shorter

    @property
    def duration_ms(self) -> float:
        return self.end_at_ms - self.audio.timestamp

    @property
    def key(self) -> tuple[int, int]:
        return self.audio.epoch, self.audio.seq


@dataclass(slots=True)
class _Epoch:
    """State of one epoch."""

    anchor: ClockAnchor
    highest_skipped: int = -1  # highest known chunk that will not be played


@dataclass(slots=True)
class _Position:
    """The last chunk that was played, or skipped at the end of an epoch."""

    epoch: int
    seq: int
    end_at_ms: float  # by the sender's clock
    played_until_ms: float  # by the receiver's
    nominal_ms: float


class JitterBuffer:
    """Reorders the chunks of one language and releases them at a fixed delay."""

    def __init__(
        self,
        audio_format: AudioFormat,
        playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
        capacity: int = DEFAULT_CAPACITY,
        was_withheld: Callable[[Gap], bool] = lambda gap: False,
    ) -> None:
        self.counts = JitterCounts()
        self.latencies = LatencyRecord()
        self._format = audio_format
        self._delay_ms = playout_delay_ms
        self._capacity = capacity
        self._was_withheld = was_withheld
        self._buffered: list[_BufferedChunk] = []  # by (epoch, seq)
        self._position: _Position | None = None
        self._seen: set[tuple[int, int]] = set()
        self._seen_order: deque[tuple[int, int]] = deque()
        self._epochs: dict[int, _Epoch] = {}
        self._newest_epoch = -1
        self._changes: deque[tuple[int, float]] = deque()  # new epochs and their first receipt
        self._settled_epoch = -1  # oldest epoch that is still accepted

    def push(self, audio: Audio, received_at_ms: float) -> ChunkOutcome:
        """Add a chunk received at `received_at_ms`, which must not decrease between calls."""
        verdict = self._judge(audio, received_at_ms)
        if verdict is ChunkOutcome.DUPLICATE:
            self.counts.duplicate += 1
        elif verdict is ChunkOutcome.SUPERSEDED:
            self.counts.superseded += 1
        elif verdict is ChunkOutcome.LATE:
            self.counts.late += 1
        return verdict

    def pop(self, now_ms: float) -> list[PlayoutEvent]:
        """Return the chunks due by `now_ms` in order, with the gaps before them."""
        due = 0
        for index, chunk in enumerate(self._buffered, start=1):
            # Once a later chunk is due, earlier ones are too. Otherwise a sender's clock that was
            # set back would block everything after it.
            if self._due_at(chunk) <= now_ms:
                due = index
        ready, self._buffered = self._buffered[:due], self._buffered[due:]
        return self._play(ready)

    def flush(self) -> list[PlayoutEvent]:
        """Return all remaining chunks, for the end of a stream."""
        ready, self._buffered = self._buffered, []
        return [*self._play(ready), *self._trailing_gap()]

    @property
    def next_due_ms(self) -> float | None:
        """When `pop` will next return a chunk, in ms since the epoch; None if empty."""
        return min((self._due_at(chunk) for chunk in self._buffered), default=None)

    def _judge(self, audio: Audio, received_at_ms: float) -> ChunkOutcome:
        self._note_epoch(audio.epoch, received_at_ms)
        if audio.epoch < self._settled_epoch:
            return ChunkOutcome.SUPERSEDED
        key = (audio.epoch, audio.seq)
        if key in self._seen:
            return ChunkOutcome.DUPLICATE
        self._remember(key)
        self.counts.received += 1
        nominal = audio.chunk_ms or self._format.chunk_ms
        end_at = audio.timestamp + self._format.duration_ms(len(audio.audio))
        latency = received_at_ms - end_at
        self._epochs[audio.epoch].anchor.observe(received_at_ms, latency)
        self.latencies.add(latency)
        chunk = _BufferedChunk(audio, end_at, latency, nominal)
        if self._is_past(key) or self._due_at(chunk) < received_at_ms:
            self._skip(audio)
            return ChunkOutcome.LATE
        bisect.insort(self._buffered, chunk, key=lambda item: item.key)
        if len(self._buffered) > self._capacity:
            # Drop the oldest chunk: new audio takes precedence.
            self._skip(self._buffered.pop(0).audio)
            self.counts.dropped += 1
        return ChunkOutcome.ACCEPTED

    def _note_epoch(self, epoch: int, now_ms: float) -> None:
        if epoch > self._newest_epoch:
            self._newest_epoch = epoch
            self._changes.append((epoch, now_ms))
        while self._changes and self._changes[0][1] <= now_ms - EPOCH_GRACE_MS:
            self._settled_epoch = self._changes.popleft()[0]
        if epoch >= self._settled_epoch and epoch not in self._epochs:
            self._forget_epochs()
            self._epochs[epoch] = _Epoch(ClockAnchor(self._delay_ms))

    def _forget_epochs(self) -> None:
        needed = {chunk.audio.epoch for chunk in self._buffered}
        if self._position is not None:
            needed.add(self._position.epoch)
        for epoch in [known for known in self._epochs if known < self._settled_epoch]:
            if epoch not in needed:
                del self._epochs[epoch]

    def _remember(self, key: tuple[int, int]) -> None:
        self._seen.add(key)
        self._seen_order.append(key)
        if len(self._seen_order) > _MAX_SEEN:
            self._seen.discard(self._seen_order.popleft())

    def _due_at(self, chunk: _BufferedChunk) -> float:
        offset = self._epochs[chunk.audio.epoch].anchor.offset_ms
        return chunk.end_at_ms + self._delay_ms + offset

    def _is_past(self, key: tuple[int, int]) -> bool:
        return self._position is not None and key <= (self._position.epoch, self._position.seq)

    def _skip(self, audio: Audio) -> None:
        epoch = self._epochs[audio.epoch]
        epoch.highest_skipped = max(epoch.highest_skipped, audio.seq)

    def _play(self, ready: list[_BufferedChunk]) -> list[PlayoutEvent]:
        events: list[PlayoutEvent] = []
        for chunk, playing_at in zip(ready, self._playing_times(ready), strict=True):
            events.extend(self._gap_before(chunk))
            pause_ms = self._pause_before(chunk, playing_at)
            due_at = self._due_at(chunk)
            events.append(Played(chunk.audio, due_at, chunk.latency_ms, pause_ms))
            self.counts.played += 1
            until = playing_at + chunk.duration_ms
            self._position = _Position(*chunk.key, chunk.end_at_ms, until, chunk.nominal_ms)
        return events

    def _playing_times(self, ready: list[_BufferedChunk]) -> list[float]:
        """Return when each chunk starts playing: when it is due, but before the next one."""
        times: list[float] = []
        for chunk in reversed(ready):
            begins = self._due_at(chunk) - chunk.duration_ms
            times.append(min(begins, times[-1] - chunk.duration_ms) if times else begins)
        return times[::-1]

    def _gap_before(self, chunk: _BufferedChunk) -> list[PlayoutEvent]:
        position = self._position
        if position is None:
            return []
        if position.epoch != chunk.audio.epoch:
            return self._trailing_gap()
        first, last = position.seq + 1, chunk.audio.seq - 1
        if first > last:
            return []
        captured = chunk.audio.timestamp - position.end_at_ms
        chunk_ms = self._missing_ms(position, chunk)
        expected = (last - first + 1) * chunk_ms
        continuous = abs(captured - expected) <= self._format.chunk_ms / 2
        return [self._count_gap(Gap(position.epoch, first, last, captured, continuous, chunk_ms))]

    def _pause_before(self, chunk: _BufferedChunk, playing_at_ms: float) -> float:
        """Return by how much more the time advanced than the sequence, if significant.

        Both the timestamps and the playing times must have advanced. If only the timestamps did, a
        clock was set.
        """
        position = self._position
        if position is None or position.epoch != chunk.audio.epoch:
            return 0.0
        missing = max(chunk.audio.seq - position.seq - 1, 0)
        advanced = min(
            chunk.audio.timestamp - position.end_at_ms, playing_at_ms - position.played_until_ms
        )
        pause_ms = advanced - missing * self._missing_ms(position, chunk)
        return pause_ms if pause_ms > self._format.chunk_ms / 2 else 0.0

    def _missing_ms(self, position: _Position, chunk: _BufferedChunk) -> float:
        """Return the duration of each chunk missing in between, as far as it can be told.

        The source may have changed it meanwhile. A pause makes up the rest.
        """
        missing = chunk.audio.seq - position.seq - 1
        captured = chunk.audio.timestamp - position.end_at_ms
        most = min(position.nominal_ms, chunk.nominal_ms, captured / max(missing, 1))
        return max(most, self._format.chunk_ms)

    def _trailing_gap(self) -> list[PlayoutEvent]:
        """Return the gap after the last played chunk that is known only from late chunks."""
        position = self._position
        if position is None:
            return []
        first, last = position.seq + 1, self._epochs[position.epoch].highest_skipped
        if first > last:
            return []
        position.seq = last
        gap = Gap(position.epoch, first, last, None, True, position.nominal_ms)
        return [self._count_gap(gap)]

    def _count_gap(self, gap: Gap) -> Gap:
        if self._was_withheld(gap):
            self.counts.withheld += gap.chunks
        else:
            self.counts.gaps += 1
            self.counts.gap_chunks += gap.chunks
        return gap
