"""Drift of a session's listener counters from its actual members."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

# One update expression has room for no more; the next check finds the rest.
_MOST_LANGUAGES = 40


class CounterDrift(msgspec.Struct, frozen=True):
    """Listeners missing from a session's counters; a surplus is negative.

    `listeners` is the total, `languages` the difference by language. `found_at` is in ms since the
    epoch.
    """

    found_at: int
    listeners: int
    languages: Mapping[str, int]

    def agrees_with(self, other: CounterDrift) -> bool:
        """Whether both have the same counts, regardless of time."""
        return self.listeners == other.listeners and dict(self.languages) == dict(other.languages)


def compute_drift(
    found_at: int, listeners: int, languages: Mapping[str, int], members: Mapping[str, int]
) -> CounterDrift | None:
    """Compare a session's counters with its counted members. None if they agree."""
    missing = {
        language: members.get(language, 0) - languages.get(language, 0)
        for language in sorted({*languages, *members})
    }
    changes = dict([item for item in missing.items() if item[1]][:_MOST_LANGUAGES])
    total = sum(members.values()) - listeners
    return CounterDrift(found_at, total, changes) if changes or total else None
