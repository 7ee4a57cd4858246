"""What a check of a session's counters has found: by how much they differ from its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# More would not fit into the one expression that puts them right; the next finding has the rest.
_MOST_LANGUAGES = 40


@dataclass(frozen=True, slots=True)
class CounterDrift:
    """What is missing in a session's counters, in all and by language; surplus is negative.

    `found_at` in ms since the epoch.
    """

    found_at: int
    listeners: int
    languages: Mapping[str, int]

    def agrees_with(self, other: CounterDrift) -> bool:
        """Whether both found the same, whenever that was."""
        return self.listeners == other.listeners and dict(self.languages) == dict(other.languages)


def compute_drift(
    found_at: int, listeners: int, languages: Mapping[str, int], members: Mapping[str, int]
) -> CounterDrift | None:
    """What the counters lack, compared with the members that were counted; None if nothing."""
    missing = {
        language: members.get(language, 0) - languages.get(language, 0)
        for language in sorted({*languages, *members})
    }
    changes = dict([item for item in missing.items() if item[1]][:_MOST_LANGUAGES])
    total = sum(members.values()) - listeners
    return CounterDrift(found_at, total, changes) if changes or total else None
