"""Recipients that read too slowly, as one instance has seen lately. Pure.

A recipient whose buffer is full gets 429 for every chunk until it has read some of it. In contrast,
throttling of the account hits recipients at random, rarely the same one many times in a row.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from shared.models.delivery import Outcome

# A recipient is slow after refusals in a row with this weight: two of its own, or six chunks for
# which the account seemed to be throttled.
_WEIGHTS = {Outcome.SLOW: 3, Outcome.THROTTLED: 1}
_SLOW = 6
# How long a slow recipient is skipped before the next try (s).
_SKIP_SECONDS = 1.0
_MAX_RECIPIENTS = 4_096


class _Refusals(msgspec.Struct):
    weight: int = 0
    skip_until: float = 0.0


class SlowRecipients:
    """Remembers refused recipients; bounded, the least recent is evicted. Times are monotonic."""

    def __init__(self) -> None:
        self._refusals: OrderedDict[str, _Refusals] = OrderedDict()

    def slow(self) -> set[str]:
        """Recipients whose latest chunks were refused."""
        return {id_ for id_, refusals in self._refusals.items() if refusals.weight >= _SLOW}

    def skipped(self, now: float) -> set[str]:
        """Recipients to leave out for the moment."""
        return {id_ for id_, refusals in self._refusals.items() if now < refusals.skip_until}

    def note(self, outcomes: Iterable[tuple[str, Outcome]], now: float) -> None:
        """Record the outcomes of posts.

        A post that failed, or that the deadline cut off, says nothing about its recipient.
        """
        for connection_id, outcome in outcomes:
            if outcome is Outcome.SENT or outcome is Outcome.GONE:
                self._refusals.pop(connection_id, None)
            elif weight := _WEIGHTS.get(outcome):
                self._note_refusal(connection_id, weight, now)

    def _note_refusal(self, connection_id: str, weight: int, now: float) -> None:
        refusals = self._refusals.setdefault(connection_id, _Refusals())
        self._refusals.move_to_end(connection_id)
        refusals.weight += weight
        if refusals.weight >= _SLOW:
            refusals.skip_until = now + _SKIP_SECONDS
        if len(self._refusals) > _MAX_RECIPIENTS:
            self._refusals.popitem(last=False)
