"""Controllable clock and identifiers, and recorded telemetry."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field


class ManualClock:
    """A clock that stands still until a test advances it."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._now_ms / 1000

    def advance(self, milliseconds: int) -> None:
        self._now_ms += milliseconds


class CountingIdentifiers:
    """Numbered identifiers. Session IDs in `upcoming` come first."""

    def __init__(self) -> None:
        self.upcoming: list[str] = []
        self._numbers = itertools.count(1)

    def session_id(self) -> str:
        if self.upcoming:
            return self.upcoming.pop(0)
        return f"golden-eagle-{next(self._numbers):03d}"

    def secret(self) -> str:
        return f"secret-{next(self._numbers)}"


@dataclass
class RecordingTelemetry:
    """Records metrics and log entries."""

    counts: Counter[str] = field(default_factory=Counter)
    by_dimensions: Counter[tuple[str, ...]] = field(default_factory=Counter)
    durations: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    flushes: int = 0

    def count(self, name: str, value: int = 1, **_context: str | int) -> None:
        self.counts[name] += value

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        self.by_dimensions[name, *dimensions.values()] += value

    def duration(self, name: str, _milliseconds: float) -> None:
        self.durations.append(name)

    def warn(self, message: str, **_context: object) -> None:
        self.warnings.append(message)

    def fault(self, message: str, **_context: object) -> None:
        self.faults.append(message)

    def flush(self) -> None:
        self.flushes += 1
