"""How often something may be done: a lasting rate, and a burst."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from shared.utils.leaky_bucket import LeakyBucket

_BUCKETS_KEPT = 1_024


class KeyedRateLimiter:
    """A bucket of `burst` tokens for each key, refilled with `per_second` of them, at most 1 000.

    The caller says when something happened (ms): a clock that is set back or forward starves
    nobody for longer than a second, and grants a burst at most. Only this instance counts; others
    have buckets of their own. The least recently used key is forgotten, and full when it returns.
    """

    def __init__(self, *, per_second: int, burst: int) -> None:
        self._cost_ms = 1000 // per_second
        self._limit = (burst - 1) * self._cost_ms
        self._buckets: OrderedDict[Hashable, LeakyBucket] = OrderedDict()

    def take(self, key: Hashable, at_ms: int) -> bool:
        """Take a token; False if there is none."""
        bucket = self._buckets.setdefault(key, LeakyBucket())
        self._buckets.move_to_end(key)
        if len(self._buckets) > _BUCKETS_KEPT:
            self._buckets.popitem(last=False)
        return bucket.take(at_ms, self._cost_ms, limit=self._limit)
