"""Metrics of a running machine, collected from its news and written at intervals."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from interpreter.engine import Stage
from interpreter.machine.report import (
    EngineFailed,
    EngineSuspended,
    News,
    SentenceSkipped,
    SentenceSpoken,
    SkipReason,
)

if TYPE_CHECKING:
    from shared.utils.telemetry import Telemetry

# Maximum sentence delays kept between two flushes.
_MAX_DELAYS = 1_000


class RunMetrics:
    """Collects news in the event loop's thread; `flush` runs in the telemetry thread."""

    def __init__(self, session_id: str, telemetry: Telemetry) -> None:
        self._session_id = session_id
        self._telemetry = telemetry
        self._delays: list[int] = []
        self._skipped: Counter[SkipReason] = Counter()
        self._faults: Counter[tuple[Stage, str]] = Counter()
        self._suspensions = 0

    def on_news(self, news: News) -> None:
        """Collect one event."""
        match news:
            case SentenceSpoken(renders=renders):
                if len(self._delays) < _MAX_DELAYS:
                    self._delays.append(
                        renders.recognise_ms + renders.translate_ms + renders.speak_ms
                    )
            case SentenceSkipped(reason=reason):
                self._skipped[reason] += 1
            case EngineFailed(stage=stage, fault=fault):
                self._faults[stage, fault] += 1
            case EngineSuspended():
                self._suspensions += 1
            case _:
                pass

    def flush(self) -> None:
        """Write what was collected since the last flush."""
        telemetry = self._telemetry
        delays, self._delays = self._delays, []
        skipped, self._skipped = self._skipped, Counter()
        faults, self._faults = self._faults, Counter()
        suspensions, self._suspensions = self._suspensions, 0
        if delays:
            telemetry.count("InterpreterSentences", len(delays))
        for delay in delays:
            telemetry.duration("InterpreterDelay", delay)
        for reason, count in skipped.items():
            telemetry.count_by("InterpreterUnspoken", count, Loss=reason)
        for (stage, fault), count in faults.items():
            telemetry.count_by("InterpreterFaults", count, Stage=stage)
            telemetry.warn(
                "engine failed", session=self._session_id, stage=stage, fault=fault, times=count
            )
        if suspensions:
            telemetry.warn("engine suspended", session=self._session_id, times=suspensions)
        telemetry.flush()
