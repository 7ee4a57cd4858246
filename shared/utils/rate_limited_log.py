"""Rate limit for repeated log messages: one per second and kind."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

_INTERVAL_SECONDS = 1.0
_KINDS_KEPT = 256


class RateLimitedLog:
    """Passes one message of each kind per second and counts the others; bounded."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kinds: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def due(self, kind: Hashable) -> int | None:
        """Number of messages suppressed since the last one; None to suppress this one."""
        now = self._monotonic()
        last = self._kinds.get(kind)
        if last is not None and now - last[0] < _INTERVAL_SECONDS:
            self._kinds[kind] = (last[0], last[1] + 1)
            return None
        self._kinds[kind] = (now, 0)
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _KINDS_KEPT:
            self._kinds.popitem(last=False)
        return 0 if last is None else last[1]
