"""What to send next, when to look again and how each request ended: a fan-out without its sockets.

The plan knows requests only by number and time only by what it is told, in seconds of one monotonic
clock, so that every rule about concurrency, retries and the deadline is tested without either.
`shared.fanout.curl_multi` drives it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from heapq import heappop, heappush

from shared.models.delivery import Outcome

#: Seconds before the first and before the second retry; after them a request has failed.
RETRY_DELAYS = (0.1, 0.2)


class Reply(Enum):
    """How one attempt ended, as far as it decides what happens next."""

    ACCEPTED = "accepted"
    GONE = "gone"
    REFUSED = "refused"  # no use in trying again
    TRY_LATER = "try later"  # throttled, or the far side is at fault
    RESET = "reset"  # the connection ended before any byte of a response


_FINAL = {
    Reply.ACCEPTED: Outcome.SENT,
    Reply.GONE: Outcome.GONE,
    Reply.REFUSED: Outcome.FAILED,
}


class FanoutPlan:
    """Requests 0 … `count` - 1, at most `concurrency` of them in flight, none after `deadline`.

    Use: `take` until it returns None, wait until something ends or `wake_at`, `finish` what ended,
    and so on until `done`; after the deadline `expire`. A request that waits for its retry is not
    in flight, so it keeps nobody from being sent.
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
        """Whether every request has its outcome."""
        return not self._undecided

    def take(self, now: float) -> int | None:
        """The request to send at once, if there is one; it is in flight from now on."""
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
        """Whether `request` met a dead connection and should not risk another."""
        return request in self._were_reset

    def finish(self, request: int, reply: Reply, now: float) -> None:
        """An attempt at `request` ended with `reply`. Raises KeyError if it was not in flight."""
        self._in_flight.remove(request)
        if reply is Reply.TRY_LATER:
            self._retry(request, now)
        elif reply is Reply.RESET:
            self._renew(request, now)
        else:
            self._decide(request, _FINAL[reply])

    def wake_at(self) -> float:
        """When to come back even if nothing ended: a retry that could be sent, or the deadline."""
        if self._waiting and len(self._in_flight) < self._concurrency:
            return min(self._waiting[0][0], self._deadline)
        return self._deadline

    def expire(self, now: float) -> bool:
        """Drop all that is undecided if the deadline has come, in flight or not.

        True says that it has: whatever is in flight must be aborted and not be reported any more.
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
        """How each request ended, by number; only of use when `done`."""
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
        """Once and at once: a kept-alive connection that died while the process was frozen."""
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
