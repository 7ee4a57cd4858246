"""Chunk latencies and their percentiles."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

# Latencies to keep: more than an hour of 200 ms chunks.
HISTORY = 20_000


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Nearest-rank percentiles of `count` latencies, in ms."""

    count: int
    p50: float
    p95: float
    p99: float
    maximum: float


class LatencyRecord:
    """Records latencies in ms: receipt - capture timestamp - duration of the chunk."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=HISTORY)

    def add(self, latency_ms: float) -> None:
        """Add a latency; beyond HISTORY, the oldest is dropped."""
        self._values.append(latency_ms)

    def extend(self, other: LatencyRecord) -> None:
        """Add the latencies of another record."""
        self._values.extend(other._values)

    def summary(self) -> LatencySummary | None:
        """Return the percentiles, or None without latencies."""
        return summarize(self._values)


def summarize(values: Iterable[float]) -> LatencySummary | None:
    """Compute nearest-rank percentiles: each is a measured value, none is interpolated."""
    ordered = sorted(values)
    if not ordered:
        return None

    def rank(percent: int) -> float:
        return ordered[math.ceil(len(ordered) * percent / 100) - 1]

    return LatencySummary(len(ordered), rank(50), rank(95), rank(99), ordered[-1])
