"""What operators see of a machine at work: its news, put together into metrics until told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from interpreter.engine import Stage
from interpreter.machine.report import EngineFault, Loss, News, Resting, Spoken, Unspoken

if TYPE_CHECKING:
    from shared.utils.telemetry import Telemetry

# Between two tellings no more of the sentences' delays are kept.
_MOST_DELAYS = 1_000


class RunMetrics:
    """Takes news in the event loop's thread; `tell` is for the one in which telemetry is used."""

    def __init__(self, session_id: str, telemetry: Telemetry) -> None:
        self._session_id = session_id
        self._telemetry = telemetry
        self._delays: list[int] = []
        self._unspoken: Counter[Loss] = Counter()
        self._faults: Counter[tuple[Stage, str]] = Counter()
        self._rests = 0

    def on_news(self, news: News) -> None:
        """Something happened."""
        match news:
            case Spoken(renders=renders):
                if len(self._delays) < _MOST_DELAYS:
                    self._delays.append(
                        renders.recognise_ms + renders.translate_ms + renders.speak_ms
                    )
            case Unspoken(loss=loss):
                self._unspoken[loss] += 1
            case EngineFault(stage=stage, fault=fault):
                self._faults[stage, fault] += 1
            case Resting():
                self._rests += 1
            case _:
                pass

    def tell(self) -> None:
        """Write what has happened since the last time."""
        telemetry = self._telemetry
        delays, self._delays = self._delays, []
        unspoken, self._unspoken = self._unspoken, Counter()
        faults, self._faults = self._faults, Counter()
        rests, self._rests = self._rests, 0
        if delays:
            telemetry.count("InterpreterSentences", len(delays))
        for delay in delays:
            telemetry.duration("InterpreterDelay", delay)
        for loss, count in unspoken.items():
            telemetry.count_by("InterpreterUnspoken", count, Loss=loss)
        for (stage, fault), count in faults.items():
            telemetry.count_by("InterpreterFaults", count, Stage=stage)
            telemetry.warn(
                "engine failed", session=self._session_id, stage=stage, fault=fault, times=count
            )
        if rests:
            telemetry.warn("engine rests", session=self._session_id, times=rests)
        telemetry.flush()
