"""How often something may be done: a rate that lasts, and a burst that it may come in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

_BUCKETS_KEPT = 1_024


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ms: int


class TokenBuckets:
    """A bucket of `burst` tokens for each key, filled by `per_second` of them. No clock: the caller
    says when something happened (ms), in about that order.

    Of this instance alone: others have buckets of their own. Bounded: the key that was used longest
    ago is forgotten, and full again when it returns.
    """

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable, at_ms: int) -> bool:
        """Take a token; False if there is none. A time before the last one fills nothing."""
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, at_ms))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _BUCKETS_KEPT:
            self._buckets.popitem(last=False)
        filled = max(at_ms - bucket.at_ms, 0) * self._per_second / 1000
        bucket.tokens = min(bucket.tokens + filled, self._burst)
        bucket.at_ms = max(at_ms, bucket.at_ms)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
