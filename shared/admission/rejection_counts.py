"""What was refused, counted by reason and told at most once a second."""

from __future__ import annotations

from collections import Counter

from shared.utils.telemetry import Telemetry

_INTERVAL_MS = 1_000


class RejectionCounts:
    """Adds refusals up, so that a flood of them is no flood of log lines.

    What an instance counted last is told with its next refusal, or not at all.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._counted: Counter[str] = Counter()
        self._told_at: int | None = None

    def add(self, reason: str, at_ms: int) -> None:
        """One more, refused at `at_ms`."""
        self._counted[reason] += 1
        told_at = self._told_at
        if told_at is not None and 0 <= at_ms - told_at < _INTERVAL_MS:
            return
        self._told_at = at_ms
        counted, self._counted = self._counted, Counter()
        for name, number in counted.items():
            self._telemetry.count_by("RequestsRefused", number, Reason=name)
