"""Which languages a machine can serve now: those that its engine is not out of order in. Pure."""

from __future__ import annotations

from collections import Counter

_MOST_DOUBLINGS = 3


class EngineHealth:
    """None stands for the engine as a whole: all languages."""

    def __init__(self, rest_seconds: float) -> None:
        self._rest_seconds = rest_seconds
        self._unfit: set[str] = set()
        self._resting: set[str | None] = set()
        self._rests: Counter[str | None] = Counter()

    def never(self, language: str) -> None:
        """That language it can never serve."""
        self._unfit.add(language)

    def rest(self, language: str | None) -> float:
        """It has to rest: the seconds until `rested`, which double each time."""
        self._resting.add(language)
        doublings = min(self._rests[language], _MOST_DOUBLINGS)
        self._rests[language] += 1
        return self._rest_seconds * float(2**doublings)

    def rested(self, language: str | None) -> None:
        """It may try again."""
        self._resting.discard(language)

    def works(self, language: str | None) -> None:
        """It does work: the next rest is a short one again."""
        self._rests[language] = 0

    def of(self, languages: frozenset[str]) -> frozenset[str]:
        """Those of the languages that it may serve now."""
        if None in self._resting:
            return frozenset()
        return languages - self._unfit - self._resting
