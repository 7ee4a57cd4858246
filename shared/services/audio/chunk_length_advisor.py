"""Advice on the duration of a source's chunks, from the outcomes of its fan-outs. Pure.

Longer chunks mean fewer posts a second: they help when the account is throttled, and when the
audience is too large to be reached within a chunk's deadline. See docs/decisions/0042.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from shared.models.audio_format import AudioFormat

# A chunk counts as lost if it missed at least this many recipients, and this share of them. Fewer
# have reasons of their own, and longer chunks would not help them.
_LOST_COUNT = 5
_LOST_SHARE = 0.03
# Longer chunks are due after this many more lost chunks than others, over at least this time (s).
_LOST_CHUNKS = 4
_LOST_SECONDS = 2.0
# The session's own chunks are due after this time (s) and this many chunks without a loss. The time
# doubles, up to a maximum, if the losses begin again within some minutes after the last return.
_CALM_SECONDS = 60.0
_CALM_CHUNKS = 50
_MAX_CALM_SECONDS = 960.0
_RELAPSE_SECONDS = 300.0
# Time between two hints to one source (s); doubles up to a maximum while the source ignores them.
_HINT_SECONDS = 3.0
_MAX_HINT_SECONDS = 60.0
_MAX_SOURCES = 1_024


def is_lost(missed: int, recipients: int) -> bool:
    """Whether a chunk missed so many recipients that its duration may be the reason."""
    return missed >= max(_LOST_COUNT, recipients * _LOST_SHARE)


class _Source(msgspec.Struct):
    """State of one source; times are those of `advise`."""

    chunk_ms: int
    lost_chunks: int = 0  # less the others since
    lost_since: float = 0.0
    calm_since: float | None = None
    calm_chunks: int = 0
    calm_seconds: float = _CALM_SECONDS
    returned_at: float | None = None
    next_hint_at: float = 0.0
    hint_seconds: float = _HINT_SECONDS

    def change(self, chunk_ms: int, shortest: int, now: float) -> None:
        """Start again with chunks of another duration."""
        if chunk_ms == shortest:
            self.returned_at = now
        elif self.chunk_ms == shortest:
            relapsed = self.returned_at is not None and now - self.returned_at < _RELAPSE_SECONDS
            doubled = min(2 * self.calm_seconds, _MAX_CALM_SECONDS)
            self.calm_seconds = doubled if relapsed else _CALM_SECONDS
        self.chunk_ms = chunk_ms
        self.lost_chunks, self.calm_chunks, self.calm_since = 0, 0, None
        self.hint_seconds = _HINT_SECONDS

    def note_loss(self, now: float) -> None:
        self.calm_chunks, self.calm_since = 0, None
        if not self.lost_chunks:
            self.lost_since = now
        self.lost_chunks = min(self.lost_chunks + 1, 2 * _LOST_CHUNKS)

    def note_success(self, now: float) -> None:
        self.lost_chunks = max(self.lost_chunks - 1, 0)
        if self.calm_since is None:
            self.calm_since = now
        self.calm_chunks += 1

    def suffers(self, now: float) -> bool:
        return self.lost_chunks >= _LOST_CHUNKS and now - self.lost_since >= _LOST_SECONDS

    def is_calm(self, now: float) -> bool:
        return (
            self.calm_since is not None
            and now - self.calm_since >= self.calm_seconds
            and self.calm_chunks >= _CALM_CHUNKS
        )

    def take_turn(self, now: float) -> bool:
        """Whether a hint may be sent now; the next one then waits."""
        if now < self.next_hint_at:
            return False
        self.next_hint_at = now + self.hint_seconds
        self.hint_seconds = min(2 * self.hint_seconds, _MAX_HINT_SECONDS)
        return True


class ChunkLengthAdvisor:
    """Advises the sources that this instance sees. Bounded; the least recent is evicted.

    Chunks say how long they are, so several instances that see one source advise alike.
    """

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def advise(
        self, source: str, session_format: AudioFormat, chunk_ms: int, *, lost: bool, now: float
    ) -> int | None:
        """Return the duration (ms) to propose after a chunk of `chunk_ms`, or None.

        `now` is in seconds of a monotonic clock.
        """
        state = self._sources.setdefault(source, _Source(chunk_ms))
        self._sources.move_to_end(source)
        if len(self._sources) > _MAX_SOURCES:
            self._sources.popitem(last=False)
        if chunk_ms != state.chunk_ms:
            state.change(chunk_ms, session_format.chunk_ms, now)
        if lost:
            state.note_loss(now)
        else:
            state.note_success(now)
        wanted = _wanted(state, session_format, now)
        if wanted is None or not state.take_turn(now):
            return None
        return wanted


def _wanted(state: _Source, session_format: AudioFormat, now: float) -> int | None:
    shortest = session_format.chunk_ms
    if state.suffers(now):
        # Whole multiples, so that sources can join chunks: 200, 400, 600 ms.
        most = session_format.longest_chunk_ms // shortest
        longer = shortest * min(2 * (state.chunk_ms // shortest), most)
        return longer if longer > state.chunk_ms else None
    return shortest if state.chunk_ms > shortest and state.is_calm(now) else None
