"""Whether audio comes faster than real time: the rule of RATE_LIMITED."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from shared.models.errors import ErrorCode, LingocastError
from shared.utils.clock import Clock

# How far a source may be ahead of real time: network jitter and a short catching up (ms).
ALLOWANCE_MS = 2_000
_STREAMS_KEPT = 1_024


@dataclass(slots=True)
class _Start:
    seq: int
    at_ms: int
    accepted: int = 0


class Pace:
    """Measures each stream against the first chunk of it that this instance saw.

    Chunks count by the highest of what their sequence number claims and how many were accepted, so
    that repeating a number does not help. Bounded: the stream that began longest ago is forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: OrderedDict[Hashable, _Start] = OrderedDict()

    def check(self, stream: Hashable, seq: int, chunk_ms: int) -> None:
        """Let a chunk pass or raise RATE_LIMITED. `stream` names a channel and its epoch."""
        now = self._clock.now_ms()
        start = self._starts.get(stream)
        if start is None:
            start = self._starts[stream] = _Start(seq, now)
            if len(self._starts) > _STREAMS_KEPT:
                self._starts.popitem(last=False)
        ahead_ms = max(seq - start.seq, start.accepted) * chunk_ms - (now - start.at_ms)
        if ahead_ms > ALLOWANCE_MS:
            raise LingocastError(
                ErrorCode.RATE_LIMITED,
                f"seq: {ahead_ms} ms ahead of real time; send a chunk every {chunk_ms} ms",
            )
        start.accepted += 1
