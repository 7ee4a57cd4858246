"""Reads the metrics of a local stack from its logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.metrics.emf import Dimensions, samples
from local.metrics.log_tail import LogTail
from local.metrics.series import WINDOW_SECONDS, Series, Summary
from shared.utils.clock import Clock


class MetricsReader:
    """All metric series of the logs in one folder."""

    def __init__(self, logs: Path, clock: Clock) -> None:
        self.logs = logs
        self._clock = clock
        self._tail = LogTail(logs)
        self._series: dict[tuple[str, Dimensions], Series] = {}

    def read(self) -> None:
        """Add what was logged since the last call."""
        now_ms = self._clock.now_ms()
        for line in self._tail.lines():
            for sample in samples(line):
                key = sample.name, sample.dimensions
                if key not in self._series:
                    self._series[key] = Series(sample.name, sample.unit, sample.dimensions)
                self._series[key].add(sample, now_ms)

    def summaries(self) -> list[Summary]:
        """Every series as it is now, sorted by name, then by dimensions."""
        now_ms = self._clock.now_ms()
        return [series.summary(now_ms) for _, series in sorted(self._series.items())]

    def as_json(self) -> dict[str, Any]:
        """The output of `--json`."""
        return {
            "logs": str(self.logs),
            "recentSeconds": WINDOW_SECONDS,
            "metrics": [summary.as_json() for summary in self.summaries()],
        }
