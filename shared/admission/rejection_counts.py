"""Counts refused requests by reason."""

from __future__ import annotations

from collections import Counter

from shared.utils.telemetry import Telemetry

_INTERVAL_MS = 1_000


class RejectionCounts:
    """Adds up refusals and reports them at most once a second, for the logs' sake.

    An instance reports its last counts with its next refusal, or never.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._counts: Counter[str] = Counter()
        self._reported_at: int | None = None

    def add(self, reason: str, at_ms: int) -> None:
        """Count a refusal at `at_ms`."""
        self._counts[reason] += 1
        reported_at = self._reported_at
        if reported_at is not None and 0 <= at_ms - reported_at < _INTERVAL_MS:
            return
        self._reported_at = at_ms
        counts, self._counts = self._counts, Counter()
        for name, number in counts.items():
            self._telemetry.count_by("RequestsRefused", number, Reason=name)
