"""Recipients that read too slowly, as one instance has seen lately. Pure.

A recipient whose buffer is full gets 429 for every chunk until it has read some of it. In contrast,
throttling of the account hits recipients at random, rarely the same one twice in a row.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from shared.models.delivery import Outcome

# A recipient is slow after this many refused chunks in a row.
_REFUSALS = 2
# How long a slow recipient is skipped before the next try (s).
_SKIP_SECONDS = 1.0
_MAX_RECIPIENTS = 4_096


class _Refusals(msgspec.Struct):
    count: int = 0
    skip_until: float = 0.0


class SlowRecipients:
    """Remembers refused recipients; bounded, the least recent is evicted. Times are monotonic."""

    def __init__(self) -> None:
        self._refusals: OrderedDict[str, _Refusals] = OrderedDict()

    def slow(self) -> set[str]:
        """Recipients whose latest chunks were refused."""
        return {id_ for id_, refusals in self._refusals.items() if refusals.count >= _REFUSALS}

    def skipped(self, now: float) -> set[str]:
        """Recipients to leave out for the moment."""
        return {id_ for id_, refusals in self._refusals.items() if now < refusals.skip_until}

    def note(self, outcomes: Iterable[tuple[str, Outcome]], now: float) -> None:
        """Record the outcomes of posts.

        A post that failed, or that the deadline cut off, says nothing about its recipient.
        """
        for connection_id, outcome in outcomes:
            if outcome is Outcome.SLOW or outcome is Outcome.THROTTLED:
                self._note_refusal(connection_id, now)
            elif outcome is Outcome.SENT or outcome is Outcome.GONE:
                self._refusals.pop(connection_id, None)

    def _note_refusal(self, connection_id: str, now: float) -> None:
        refusals = self._refusals.setdefault(connection_id, _Refusals())
        self._refusals.move_to_end(connection_id)
        refusals.count += 1
        if refusals.count >= _REFUSALS:
            refusals.skip_until = now + _SKIP_SECONDS
        if len(self._refusals) > _MAX_RECIPIENTS:
            self._refusals.popitem(last=False)
