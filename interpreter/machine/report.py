"""What a machine interpreter did: an account in numbers, and news as they happen. No texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from client.playback.latency import LatencyRecord
from interpreter.engine import Stage
from shared.models.interpretation import LeaseReason, Renders

# Why a sentence was not spoken: the voice was too far behind, its turn was over, the broadcast was
# held, or the engine could not.
Loss = Literal["behind", "turn", "held", "engine"]


@dataclass(frozen=True, slots=True)
class LeaseNews:
    """The machine is, or is not any more, the voice of a language."""

    language: str
    holds: bool
    reason: LeaseReason


@dataclass(frozen=True, slots=True)
class Left:
    """The machine has given up its seat in a language."""

    language: str


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """The connection of a language is lost, for that reason; it is tried for so long to have it
    again.
    """

    language: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WithinReach:
    """It is there again."""

    language: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence began to be heard."""

    language: str
    renders: Renders


@dataclass(frozen=True, slots=True)
class Unspoken:
    """A sentence was not spoken, or not to its end."""

    language: str
    loss: Loss


@dataclass(frozen=True, slots=True)
class EngineFault:
    """The engine failed in a stage; `fault` is what kind of failure it was."""

    stage: Stage
    fault: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """The engine is out of order, in one language or (None) as a whole: tried again in so long."""

    seconds: float
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Recognising:
    """The floor is recognised from now on, or not any more."""

    on: bool


OfSeat = LeaseNews | Left | OutOfReach | WithinReach
News = OfSeat | Spoken | Unspoken | EngineFault | Resting | Recognising


@dataclass(slots=True)
class Hooks:
    """What a user interface or a log wants to know while a machine runs."""

    on_news: Callable[[News], None] = lambda news: None


@dataclass(slots=True)
class LanguageReport:
    """What became of the sentences and chunks of one language."""

    spoken: int = 0
    unspoken: Counter[Loss] = field(default_factory=Counter)
    chunks: int = 0
    lost_chunks: int = 0  # could not be sent in time
    refused_chunks: int = 0  # not taken by the service


@dataclass(slots=True)
class Report:
    """The account of a machine so far; latencies in ms, of sentences that were spoken."""

    sentences: int = 0
    disordered: int = 0  # results that came out of order, overlapped, or were empty
    restarts: int = 0  # of the recogniser
    unheard: int = 0  # chunks of the floor that the recogniser was too slow for
    failures: Counter[Stage] = field(default_factory=Counter)
    languages: dict[str, LanguageReport] = field(default_factory=dict)
    latencies: dict[str, LatencyRecord] = field(default_factory=dict)

    def of(self, language: str) -> LanguageReport:
        """The account of a language."""
        return self.languages.setdefault(language, LanguageReport())

    def measured(self, renders: Renders) -> None:
        """Take in how long the stages of a sentence took; `total` is until its first chunk."""
        stages = {
            "recognise": renders.recognise_ms,
            "translate": renders.translate_ms,
            "speak": renders.speak_ms,
        }
        for stage, ms in {**stages, "total": sum(stages.values())}.items():
            self.latencies.setdefault(stage, LatencyRecord()).add(ms)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a log or as JSON."""
        summaries = {stage: record.summary() for stage, record in self.latencies.items()}
        return {
            "sentences": self.sentences,
            "disordered": self.disordered,
            "restarts": self.restarts,
            "unheard": self.unheard,
            "failures": dict(self.failures),
            "languages": {
                language: {**asdict(account), "unspoken": dict(account.unspoken)}
                for language, account in self.languages.items()
            },
            "latencies": {stage: asdict(it) for stage, it in summaries.items() if it is not None},
        }
