"""Metric series: the last seconds and the whole run, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.metrics.emf import MILLISECONDS, Dimensions, Sample

#: Length of the recent window.
WINDOW_SECONDS = 10
PERCENTILES = (50, 95, 99)


class Distribution:
    """Count, sum and percentiles of values; percentiles are rounded to three digits."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.count = 0
        self.total = 0.0
        self._rounded: Counter[float] = Counter()
        self.add(values)

    def add(self, values: Iterable[float]) -> None:
        """Add values."""
        for value in values:
            self.count += 1
            self.total += value
            self._rounded[float(f"{value:.3g}")] += 1

    def percentile(self, percent: float) -> float | None:
        """The value at the nearest rank; None without values."""
        rank = math.ceil(self.count * percent / 100)
        for value, count in sorted(self._rounded.items()):
            rank -= count
            if rank <= 0:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Summary:
    """One series: `recent` is the last WINDOW_SECONDS, `overall` the whole run."""

    name: str
    unit: str
    dimensions: Dimensions
    recent: Distribution
    overall: Distribution

    @property
    def is_duration(self) -> bool:
        """Whether percentiles matter more than sums."""
        return self.unit == MILLISECONDS

    def as_json(self) -> dict[str, Any]:
        """One item of `--json`; only durations have percentiles, null without values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "dimensions": dict(self.dimensions),
            "recent": self._fields(self.recent)
            | {"sumPerSecond": self.recent.total / WINDOW_SECONDS},
            "overall": self._fields(self.overall),
        }

    def _fields(self, values: Distribution) -> dict[str, float | None]:
        percentiles = PERCENTILES if self.is_duration else ()
        return {
            "count": values.count,
            "sum": values.total,
            **{f"p{percent}": values.percentile(percent) for percent in percentiles},
        }


class Series:
    """One metric with one set of dimensions."""

    def __init__(self, name: str, unit: str, dimensions: Dimensions) -> None:
        self._name = name
        self._unit = unit
        self._dimensions = dimensions
        self._overall = Distribution()
        # Time (ms since the epoch) and value.
        self._recent: list[tuple[int, float]] = []

    def add(self, sample: Sample, now_ms: int) -> None:
        """Add the values of a sample."""
        self._overall.add(sample.values)
        # A sample from a clock ahead of ours must not stay in the window for longer.
        at_ms = min(sample.at_ms, now_ms)
        if at_ms > _window_start(now_ms):
            self._recent += [(at_ms, value) for value in sample.values]

    def summary(self, now_ms: int) -> Summary:
        """The series as it is now."""
        start = _window_start(now_ms)
        self._recent = [(at_ms, value) for at_ms, value in self._recent if at_ms > start]
        recent = Distribution(value for _, value in self._recent)
        return Summary(self._name, self._unit, self._dimensions, recent, self._overall)


def _window_start(now_ms: int) -> int:
    return now_ms - 1000 * WINDOW_SECONDS
