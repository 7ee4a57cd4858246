"""Figures of metrics: of the last seconds and of all the time, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local.metrics.emf import MILLISECONDS, Dimensions, Sample

#: How far back "the last seconds" reach.
WINDOW_SECONDS = 10
PERCENTILES = (50, 95, 99)
# Percentiles are of buckets, 2 % wide, so about 1 % off at most.
_STEP = math.log(1.02)
_LEAST = 0.001
_MOST = 1e9
# More than the functions have; a dimension of too many values shall not fill the memory.
_MAX_SERIES = 500


@dataclass(slots=True)
class Tally:
    """How many values, their sum, and how they are spread."""

    count: int = 0
    total: float = 0.0
    _buckets: Counter[int] = field(default_factory=Counter)

    def add(self, values: Iterable[float]) -> None:
        """Count some values."""
        for value in values:
            self.count += 1
            self.total += value
            self._buckets[_bucket(value)] += 1

    def merge(self, other: Tally) -> None:
        """Count what the other one has counted."""
        self.count += other.count
        self.total += other.total
        self._buckets.update(other._buckets)

    def percentile(self, percent: float) -> float | None:
        """What so many percent are not above, about 1 % off at most; None without any value."""
        rank = math.ceil(self.count * percent / 100)
        for bucket, count in sorted(self._buckets.items()):
            rank -= count
            if rank <= 0:
                return _middle(bucket)
        return None


def _bucket(value: float) -> int:
    return math.floor(math.log(min(max(value, _LEAST), _MOST)) / _STEP)


def _middle(bucket: int) -> float:
    return math.exp((bucket + 0.5) * _STEP)


@dataclass(frozen=True, slots=True)
class Figures:
    """One series as it is now: `recent` of the last WINDOW_SECONDS, `overall` since the start."""

    name: str
    unit: str
    dimensions: Dimensions
    recent: Tally
    overall: Tally

    @property
    def is_duration(self) -> bool:
        """Whether percentiles say more than sums."""
        return self.unit == MILLISECONDS

    def as_json(self) -> dict[str, Any]:
        """For other programs; percentiles of durations only, null where there was none."""
        return {
            "name": self.name,
            "unit": self.unit,
            "dimensions": dict(self.dimensions),
            "recent": self._described(self.recent)
            | {"sumPerSecond": self.recent.total / WINDOW_SECONDS},
            "overall": self._described(self.overall),
        }

    def _described(self, tally: Tally) -> dict[str, float | None]:
        percentiles = PERCENTILES if self.is_duration else ()
        return {
            "count": tally.count,
            "sum": tally.total,
            **{f"p{percent}": tally.percentile(percent) for percent in percentiles},
        }


class _Series:
    """One metric with one set of dimensions; the seconds that are over are forgotten."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.overall = Tally()
        self._seconds: dict[int, Tally] = {}

    def add(self, sample: Sample, now_ms: int) -> None:
        self.overall.add(sample.values)
        # A clock ahead of ours does not keep a second longer than others.
        second = min(sample.at_ms, now_ms) // 1000
        if second > _over(now_ms):
            self._seconds.setdefault(second, Tally()).add(sample.values)
            self._forget(now_ms)

    def recent(self, now_ms: int) -> Tally:
        self._forget(now_ms)
        together = Tally()
        for tally in self._seconds.values():
            together.merge(tally)
        return together

    def _forget(self, now_ms: int) -> None:
        for second in [second for second in self._seconds if second <= _over(now_ms)]:
            del self._seconds[second]


def _over(now_ms: int) -> int:
    """The youngest second that is not among the last ones any more."""
    return now_ms // 1000 - WINDOW_SECONDS


class Board:
    """All series of a stack."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, Dimensions], _Series] = {}
        #: Samples that were left out, as there are too many series.
        self.left_out = 0

    def add(self, sample: Sample, now_ms: int) -> None:
        """Take in what a log line said."""
        key = sample.name, sample.dimensions
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MAX_SERIES:
                self.left_out += 1
                return
            series = self._series[key] = _Series(sample.unit)
        series.add(sample, now_ms)

    def figures(self, now_ms: int) -> Iterator[Figures]:
        """Every series by name, then by dimensions."""
        for (name, dimensions), series in sorted(self._series.items()):
            yield Figures(name, series.unit, dimensions, series.recent(now_ms), series.overall)
