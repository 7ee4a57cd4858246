"""A bound on how long requests may have waited before they are served.

During a rush, requests that have waited too long are refused before they cost a read, with the time
after which to return. Otherwise all would wait longer and longer, and many for nothing: their
clients have given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Waits that are refused (ms). API Gateway gives up after 29 s, so a longer one is no wait: the
# clocks of gateway and function disagree.
MAX_WAIT_MS = 5_000
_IMPOSSIBLE_MS = 29_000
# An instance that has just waited this long for work (ms) is not behind, whatever the clocks say.
_IDLE_MS = 100
# Limit of what clients are asked to wait (ms).
_LONGEST_RETRY_MS = 10_000

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class QueueBound:
    """Refuses requests that waited more than MAX_WAIT_MS for a busy instance."""

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry
        # When the last request ended (ms).
        self._free_since = 0

    def bounded(
        self, service: Callable[[Caller, _Request], _Reply]
    ) -> Callable[[Caller, _Request], _Reply]:
        """Wrap `service`, so that it raises UNAVAILABLE for requests that waited too long."""

        def serve(caller: Caller, request: _Request) -> _Reply:
            now = self._clock.now_ms()
            waited = now - caller.received_at
            try:
                if self._is_busy(now) and MAX_WAIT_MS <= waited < _IMPOSSIBLE_MS:
                    self._telemetry.count("OverdueRequestsRefused")
                    raise LingocastError(
                        ErrorCode.UNAVAILABLE,
                        "too many requests at once; try again after retryAfterMs",
                        retry_after_ms=min(waited, _LONGEST_RETRY_MS),
                    )
                return service(caller, request)
            finally:
                self._free_since = self._clock.now_ms()

        return serve

    def _is_busy(self, now_ms: int) -> bool:
        return 0 <= now_ms - self._free_since < _IDLE_MS
