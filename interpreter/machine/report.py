"""Statistics and live events of a machine interpreter. Contain no spoken text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from client.playback.latency import LatencyRecord
from interpreter.engine import Stage
from shared.models.interpretation import LeaseReason, Renders

# Why a sentence was not spoken: output too far behind, lease lost, broadcast paused or muted, or
# engine failed.
SkipReason = Literal["behind", "turn", "held", "engine"]


@dataclass(frozen=True, slots=True)
class LeaseChanged:
    """The machine acquired or lost the lease of a language."""

    language: str
    holds: bool
    reason: LeaseReason


@dataclass(frozen=True, slots=True)
class SeatLeft:
    """The machine left a language."""

    language: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection of a language was lost; reconnection is tried for `seconds`."""

    language: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """The connection of a language is back."""

    language: str


@dataclass(frozen=True, slots=True)
class SentenceSpoken:
    """The first chunk of a sentence was sent."""

    language: str
    renders: Renders


@dataclass(frozen=True, slots=True)
class SentenceSkipped:
    """A sentence was not spoken, or not to its end."""

    language: str
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """A stage of the engine failed; `fault` is the kind of failure."""

    stage: Stage
    fault: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class EngineSuspended:
    """The engine is suspended in a language or as a whole (None) for `seconds`."""

    seconds: float
    language: str | None = None


@dataclass(frozen=True, slots=True)
class RecognitionSwitched:
    """Recognition of the floor was switched on or off."""

    on: bool


SeatNews = LeaseChanged | SeatLeft | ConnectionLost | ConnectionRestored
News = (
    SeatNews
    | SentenceSpoken
    | SentenceSkipped
    | EngineFailed
    | EngineSuspended
    | RecognitionSwitched
)


@dataclass(slots=True)
class Hooks:
    """Callbacks for a user interface or a log."""

    on_news: Callable[[News], None] = lambda news: None


@dataclass(slots=True)
class LanguageReport:
    """Sentences and chunks of one language."""

    spoken: int = 0
    unspoken: Counter[SkipReason] = field(default_factory=Counter)
    chunks: int = 0
    lost_chunks: int = 0  # could not be sent in time
    refused_chunks: int = 0  # refused by the service


@dataclass(slots=True)
class Report:
    """Statistics of a machine so far; latencies in ms, of spoken sentences."""

    sentences: int = 0
    disordered: int = 0  # results that were out of order, overlapping or empty
    restarts: int = 0  # of the recogniser
    unheard: int = 0  # floor chunks dropped because the recogniser was too slow
    failures: Counter[Stage] = field(default_factory=Counter)
    languages: dict[str, LanguageReport] = field(default_factory=dict)
    latencies: dict[str, LatencyRecord] = field(default_factory=dict)

    def language(self, language: str) -> LanguageReport:
        """Statistics of one language, created on first use."""
        return self.languages.setdefault(language, LanguageReport())

    def add_latencies(self, renders: Renders) -> None:
        """Record the stage latencies of a sentence; `total` ends at its first chunk."""
        stages = {
            "recognise": renders.recognise_ms,
            "translate": renders.translate_ms,
            "speak": renders.speak_ms,
        }
        for stage, ms in {**stages, "total": sum(stages.values())}.items():
            self.latencies.setdefault(stage, LatencyRecord()).add(ms)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values, for logs or JSON."""
        summaries = {stage: record.summary() for stage, record in self.latencies.items()}
        return {
            "sentences": self.sentences,
            "disordered": self.disordered,
            "restarts": self.restarts,
            "unheard": self.unheard,
            "failures": dict(self.failures),
            "languages": {
                language: {**asdict(report), "unspoken": dict(report.unspoken)}
                for language, report in self.languages.items()
            },
            "latencies": {stage: asdict(it) for stage, it in summaries.items() if it is not None},
        }
