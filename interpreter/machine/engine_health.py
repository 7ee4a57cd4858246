"""Health of an engine, as a whole and by language. Pure."""

from __future__ import annotations

from collections import Counter

_MAX_DOUBLINGS = 3


class EngineHealth:
    """Tracks suspended and excluded languages. Language None is the engine as a whole."""

    def __init__(self, suspend_seconds: float) -> None:
        self._suspend_seconds = suspend_seconds
        self._excluded: set[str] = set()
        self._suspended: set[str | None] = set()
        self._suspensions: Counter[str | None] = Counter()

    def exclude(self, language: str) -> None:
        """Never serve this language again."""
        self._excluded.add(language)

    def suspend(self, language: str | None) -> float:
        """Suspend a language and return the seconds until the next probe.

        The seconds double with each suspension, up to eight times `suspend_seconds`.
        """
        self._suspended.add(language)
        doublings = min(self._suspensions[language], _MAX_DOUBLINGS)
        self._suspensions[language] += 1
        return self._suspend_seconds * float(2**doublings)

    def resume(self, language: str | None) -> None:
        """Serve a suspended language again."""
        self._suspended.discard(language)

    def reset_backoff(self, language: str | None) -> None:
        """Start the next suspension at its shortest."""
        self._suspensions[language] = 0

    def usable(self, languages: frozenset[str]) -> frozenset[str]:
        """The languages that can be served now."""
        if None in self._suspended:
            return frozenset()
        return languages - self._excluded - self._suspended
