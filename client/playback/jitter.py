"""Evens out the network: chunks go in as they arrive and come out in order, at a fixed delay.

Pure: no clock and no input or output. The caller says what time it is, in ms since the epoch.

A chunk is due at its capture timestamp + its duration + the playout delay, in the receiver's
time (`client.playback.clock_anchor` relates the two clocks). What arrives after that, or after a
later chunk was played, is late: counted and never played, because live audio does not queue
behind old audio. What came in time is always played.

A skip in the sequence within an epoch is a gap, reported once, right before the chunk that
follows it. A new epoch may start at any number, and so may whoever joins in the middle: no gap.
A skip in the timestamps alone is none either: an interpreter sends nothing between sentences.
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
# PROTOCOL rule 1: so long an older epoch is still heard after a newer one began.
EPOCH_GRACE_MS = 2_000
# Half a minute of the shortest chunks; nothing sane waits here longer than the delay and a second.
DEFAULT_CAPACITY = 300
# How many chunks are remembered in order to recognise a duplicate.
_REMEMBERED = 4_096


class ChunkOutcome(Enum):
    """What became of a chunk that arrived."""

    ACCEPTED = "accepted"  # will be played
    DUPLICATE = "duplicate"  # this (epoch, seq) was here before
    LATE = "late"  # its time, or that of a later chunk, has passed
    SUPERSEDED = "superseded"  # of an older epoch, and the newer one is established


@dataclass(frozen=True, slots=True)
class Played:
    """A chunk whose time has come; `latency_ms` is by rule 2, `due_at_ms` its playout time. Before
    it nothing was sent for `pause_ms`.
    """

    audio: Audio
    due_at_ms: float
    latency_ms: float
    pause_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Chunks `first`..`last` of `epoch` that are not played.

    `captured_ms` is how far the timestamps advanced from the end of the chunk before to the start
    of the one after, None when there is none after. `continuous` says that this is what the
    missing chunks last, so that sound was captured meanwhile: lost on the way, or withheld by the
    server during a pause, which is no loss. Whoever knows the pauses can tell these apart.
    """

    epoch: int
    first: int
    last: int
    captured_ms: float | None
    continuous: bool

    @property
    def chunks(self) -> int:
        """How many chunks are missing."""
        return self.last - self.first + 1


PlayoutEvent = Played | Gap


@dataclass(slots=True)
class JitterCounts:
    """Every chunk pushed counts once in `received`, `duplicate` or `superseded`; every chunk
    received counts once in `played`, `late` or `dropped`, when its turn comes.
    """

    received: int = 0
    duplicate: int = 0
    superseded: int = 0
    played: int = 0
    late: int = 0
    dropped: int = 0  # pushed out of a full buffer
    gaps: int = 0
    gap_chunks: int = 0
    withheld: int = 0  # chunks that a pause or a mute kept back: neither a gap nor lost

    def add(self, other: JitterCounts) -> None:
        """Take over the counts of another buffer."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


@dataclass(frozen=True, slots=True)
class _Waiting:
    audio: Audio
    end_at_ms: float  # timestamp + duration, by the sender's clock
    latency_ms: float

    @property
    def duration_ms(self) -> float:
        return self.end_at_ms - self.audio.timestamp

    @property
    def key(self) -> tuple[int, int]:
        return self.audio.epoch, self.audio.seq


@dataclass(slots=True)
class _Epoch:
    """What is known of one epoch."""

    anchor: ClockAnchor
    highest_skipped: int = -1  # the last chunk known to exist that will not be played


@dataclass(slots=True)
class _Position:
    """The last chunk played, or skipped at the end of an epoch."""

    epoch: int
    seq: int
    end_at_ms: float  # by the sender's clock
    played_until_ms: float  # by the receiver's


class JitterBuffer:
    """Reorders the chunks of one language's sound and plays them at a fixed delay."""

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
        self._waiting: list[_Waiting] = []  # by (epoch, seq)
        self._position: _Position | None = None
        self._seen: set[tuple[int, int]] = set()
        self._seen_order: deque[tuple[int, int]] = deque()
        self._epochs: dict[int, _Epoch] = {}
        self._newest_epoch = -1
        self._changes: deque[tuple[int, float]] = deque()  # epochs newly heard, and when
        self._settled_epoch = -1  # nothing older than this is accepted any more

    def push(self, audio: Audio, received_at_ms: float) -> ChunkOutcome:
        """Take in a chunk that arrived at `received_at_ms`; those times must not fall."""
        verdict = self._judge(audio, received_at_ms)
        if verdict is ChunkOutcome.DUPLICATE:
            self.counts.duplicate += 1
        elif verdict is ChunkOutcome.SUPERSEDED:
            self.counts.superseded += 1
        elif verdict is ChunkOutcome.LATE:
            self.counts.late += 1
        return verdict

    def pop(self, now_ms: float) -> list[PlayoutEvent]:
        """What is to be played by `now_ms`, in order, with the gaps before it."""
        due = 0
        for index, waiting in enumerate(self._waiting, start=1):
            # An earlier chunk never waits for its own time once a later one is due: a sender
            # whose clock was set back would otherwise block everything after it.
            if self._due_at(waiting) <= now_ms:
                due = index
        ready, self._waiting = self._waiting[:due], self._waiting[due:]
        return self._play(ready)

    def flush(self) -> list[PlayoutEvent]:
        """All that is left, at once: for the end of a stream."""
        ready, self._waiting = self._waiting, []
        return [*self._play(ready), *self._trailing_gap()]

    @property
    def next_due_ms(self) -> float | None:
        """When `pop` will next have something, in ms since the epoch; None when empty."""
        return min((self._due_at(waiting) for waiting in self._waiting), default=None)

    def _judge(self, audio: Audio, received_at_ms: float) -> ChunkOutcome:
        self._note_epoch(audio.epoch, received_at_ms)
        if audio.epoch < self._settled_epoch:
            return ChunkOutcome.SUPERSEDED
        key = (audio.epoch, audio.seq)
        if key in self._seen:
            return ChunkOutcome.DUPLICATE
        self._remember(key)
        self.counts.received += 1
        end_at = audio.timestamp + self._format.duration_ms(len(audio.audio))
        latency = received_at_ms - end_at
        self._epochs[audio.epoch].anchor.observe(received_at_ms, latency)
        self.latencies.add(latency)
        waiting = _Waiting(audio, end_at, latency)
        if self._is_past(key) or self._due_at(waiting) < received_at_ms:
            self._skip(audio)
            return ChunkOutcome.LATE
        bisect.insort(self._waiting, waiting, key=lambda item: item.key)
        if len(self._waiting) > self._capacity:
            # The oldest goes: new audio must not be refused for the sake of old audio.
            self._skip(self._waiting.pop(0).audio)
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
        needed = {waiting.audio.epoch for waiting in self._waiting}
        if self._position is not None:
            needed.add(self._position.epoch)
        for epoch in [known for known in self._epochs if known < self._settled_epoch]:
            if epoch not in needed:
                del self._epochs[epoch]

    def _remember(self, key: tuple[int, int]) -> None:
        self._seen.add(key)
        self._seen_order.append(key)
        if len(self._seen_order) > _REMEMBERED:
            self._seen.discard(self._seen_order.popleft())

    def _due_at(self, waiting: _Waiting) -> float:
        offset = self._epochs[waiting.audio.epoch].anchor.offset_ms
        return waiting.end_at_ms + self._delay_ms + offset

    def _is_past(self, key: tuple[int, int]) -> bool:
        return self._position is not None and key <= (self._position.epoch, self._position.seq)

    def _skip(self, audio: Audio) -> None:
        epoch = self._epochs[audio.epoch]
        epoch.highest_skipped = max(epoch.highest_skipped, audio.seq)

    def _play(self, ready: list[_Waiting]) -> list[PlayoutEvent]:
        events: list[PlayoutEvent] = []
        for waiting, playing_at in zip(ready, self._playing_times(ready), strict=True):
            events.extend(self._gap_before(waiting))
            pause_ms = self._pause_before(waiting, playing_at)
            due_at = self._due_at(waiting)
            events.append(Played(waiting.audio, due_at, waiting.latency_ms, pause_ms))
            self.counts.played += 1
            until = playing_at + waiting.duration_ms
            self._position = _Position(*waiting.key, waiting.end_at_ms, until)
        return events

    def _playing_times(self, ready: list[_Waiting]) -> list[float]:
        """When each begins to be played: when it is due, but before the one that follows it."""
        times: list[float] = []
        for waiting in reversed(ready):
            begins = self._due_at(waiting) - waiting.duration_ms
            times.append(min(begins, times[-1] - waiting.duration_ms) if times else begins)
        return times[::-1]

    def _gap_before(self, waiting: _Waiting) -> list[PlayoutEvent]:
        position = self._position
        if position is None:
            return []
        if position.epoch != waiting.audio.epoch:
            return self._trailing_gap()
        first, last = position.seq + 1, waiting.audio.seq - 1
        if first > last:
            return []
        captured = waiting.audio.timestamp - position.end_at_ms
        expected = (last - first + 1) * self._format.chunk_ms
        continuous = abs(captured - expected) <= self._format.chunk_ms / 2
        return [self._count_gap(Gap(position.epoch, first, last, captured, continuous))]

    def _pause_before(self, waiting: _Waiting, playing_at_ms: float) -> float:
        """How far the timestamps, and the times of playing, advanced by more than the sequence did,
        if by so much that it is no imprecision. Where only the timestamps did, a clock was set.
        """
        position = self._position
        if position is None or position.epoch != waiting.audio.epoch:
            return 0.0
        missing = max(waiting.audio.seq - position.seq - 1, 0)
        advanced = min(
            waiting.audio.timestamp - position.end_at_ms, playing_at_ms - position.played_until_ms
        )
        pause_ms = advanced - missing * self._format.chunk_ms
        return pause_ms if pause_ms > self._format.chunk_ms / 2 else 0.0

    def _trailing_gap(self) -> list[PlayoutEvent]:
        """The chunks after the last one played that are known of only because one came too late."""
        position = self._position
        if position is None:
            return []
        first, last = position.seq + 1, self._epochs[position.epoch].highest_skipped
        if first > last:
            return []
        position.seq = last
        return [self._count_gap(Gap(position.epoch, first, last, None, continuous=True))]

    def _count_gap(self, gap: Gap) -> Gap:
        if self._was_withheld(gap):
            self.counts.withheld += gap.chunks
        else:
            self.counts.gaps += 1
            self.counts.gap_chunks += gap.chunks
        return gap
