"""Rate limiter with one bucket for each key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from shared.utils.leaky_bucket import LeakyBucket

_BUCKETS_KEPT = 1_024


class KeyedRateLimiter:
    """Permits a burst of `burst` per key and `per_second` sustained, at most 1 000.

    Callers pass the time (ms). A clock change blocks a key for at most 1.6 s and grants at most one
    burst. Each instance counts for itself. It keeps 1 024 keys; the least recently used one is
    dropped and starts afresh when it returns.
    """

    def __init__(self, *, per_second: int, burst: int) -> None:
        self._cost_ms = 1000 // per_second
        self._limit = (burst - 1) * self._cost_ms
        self._buckets: OrderedDict[Hashable, LeakyBucket] = OrderedDict()

    def take(self, key: Hashable, at_ms: int) -> bool:
        """Count one use of `key`. False if it is over the limit."""
        bucket = self._buckets.setdefault(key, LeakyBucket())
        self._buckets.move_to_end(key)
        if len(self._buckets) > _BUCKETS_KEPT:
            self._buckets.popitem(last=False)
        return bucket.take(at_ms, self._cost_ms, limit=self._limit)
