"""Schedule of a fan-out: concurrency, retries and the deadline, without sockets.

The plan knows requests by number, and gets the time as an argument, in seconds of one monotonic
clock. Its rules can therefore be tested without sockets or waiting. `shared.fanout.curl_multi`
drives it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from heapq import heappop, heappush

from shared.models.delivery import Outcome

#: Delays before the first and the second retry (s). A request fails after the last retry.
RETRY_DELAYS = (0.1, 0.2)


class PostReply(Enum):
    """Outcome of one attempt."""

    ACCEPTED = "accepted"
    GONE = "gone"
    REFUSED = "refused"  # permanent; a retry would not help
    TRY_LATER = "try later"  # throttled, or a server error
    RESET = "reset"  # the connection closed before the first byte of a response


_FINAL = {
    PostReply.ACCEPTED: Outcome.SENT,
    PostReply.GONE: Outcome.GONE,
    PostReply.REFUSED: Outcome.FAILED,
}


class FanoutPlan:
    """Plans requests 0 … `count` - 1, at most `concurrency` in flight, none after `deadline`.

    Call `take` until it returns None, wait for a reply or until `wake_at`, call `finish` for each
    reply, and repeat until `done`. After the deadline, call `expire`. A request waiting for its
    retry is not in flight and blocks no other request.
    """

    def __init__(self, count: int, concurrency: int, deadline: float) -> None:
        self._concurrency = concurrency
        self._deadline = deadline
        self._ready = deque(range(count))
        self._waiting: list[tuple[float, int]] = []  # a heap of (due, request)
        self._in_flight: set[int] = set()
        self._outcomes: list[Outcome | None] = [None] * count
        self._undecided = count
        self._retries = bytearray(count)
        self._were_reset: set[int] = set()

    @property
    def done(self) -> bool:
        """Whether every request has an outcome."""
        return not self._undecided

    def take(self, now: float) -> int | None:
        """Return a request to send now and mark it in flight, or None."""
        if len(self._in_flight) >= self._concurrency or now >= self._deadline:
            return None
        if self._waiting and self._waiting[0][0] <= now:
            _, request = heappop(self._waiting)
        elif self._ready:
            request = self._ready.popleft()
        else:
            return None
        self._in_flight.add(request)
        return request

    def needs_fresh_connection(self, request: int) -> bool:
        """Whether `request` was reset and needs a new connection."""
        return request in self._were_reset

    def finish(self, request: int, reply: PostReply, now: float) -> None:
        """Record the reply to `request`. Raises KeyError if it was not in flight."""
        self._in_flight.remove(request)
        if reply is PostReply.TRY_LATER:
            self._retry(request, now)
        elif reply is PostReply.RESET:
            self._renew(request, now)
        else:
            self._decide(request, _FINAL[reply])

    def wake_at(self) -> float:
        """When to call again if no reply arrives: the next retry or the deadline."""
        if self._waiting and len(self._in_flight) < self._concurrency:
            return min(self._waiting[0][0], self._deadline)
        return self._deadline

    def expire(self, now: float) -> bool:
        """Drop all undecided requests if the deadline has passed; returns whether it has.

        The caller must then abort the requests in flight and not report them any more.
        """
        if now < self._deadline:
            return False
        for request, outcome in enumerate(self._outcomes):
            if outcome is None:
                self._decide(request, Outcome.DROPPED)
        self._ready.clear()
        self._waiting.clear()
        self._in_flight.clear()
        return True

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes by request number. Valid only when `done`."""
        return [outcome for outcome in self._outcomes if outcome is not None]

    def _retry(self, request: int, now: float) -> None:
        retries = self._retries[request]
        if retries == len(RETRY_DELAYS):
            self._decide(request, Outcome.FAILED)
            return
        due = now + RETRY_DELAYS[retries]
        if due >= self._deadline:
            self._decide(request, Outcome.DROPPED)
            return
        self._retries[request] += 1
        heappush(self._waiting, (due, request))

    def _renew(self, request: int, now: float) -> None:
        """Retry once without delay: a kept-alive connection died while the process was frozen."""
        if request in self._were_reset:
            self._decide(request, Outcome.FAILED)
        elif now >= self._deadline:
            self._decide(request, Outcome.DROPPED)
        else:
            self._were_reset.add(request)
            self._ready.appendleft(request)

    def _decide(self, request: int, outcome: Outcome) -> None:
        self._outcomes[request] = outcome
        self._undecided -= 1
