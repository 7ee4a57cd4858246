"""Schedule of a fan-out: concurrency, retries, throttling and the deadline, without sockets.

The plan knows requests by number, and gets the time as an argument, in seconds of one monotonic
clock. Its rules can therefore be tested without sockets or waiting. `shared.fanout.curl_multi`
drives it.

API Gateway answers 429 both for a slow recipient and while it throttles the account, with the same
error. The share of such answers in one fan-out tells them apart (docs/decisions/0042).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from enum import Enum
from heapq import heappop, heappush

from shared.models.delivery import Outcome

#: Delay before the first retry (s); doubles with each one.
_FIRST_DELAY = 0.1
#: Retries of a request. Throttling of the account is retried until the deadline.
_RETRIES = 2
# The account is throttled if at least this many requests are refused, and this share of them.
_THROTTLED_COUNT = 5
_THROTTLED_SHARE = 0.03
# While the account is throttled, the concurrency falls by this factor at most once in an interval
# (s), to a tenth of the maximum.
_DECREASE = 0.7
_DECREASE_INTERVAL = 0.05
_FLOOR = 0.1


class PostReply(Enum):
    """Outcome of one attempt."""

    ACCEPTED = "accepted"
    GONE = "gone"
    REFUSED = "refused"  # permanent; a retry would not help
    THROTTLED = "throttled"  # 429: the recipient is slow, or the account is throttled
    TRY_LATER = "try later"  # a server error
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

    A `live` plan does not retry for slow recipients: it ends without them as soon as all other
    requests are decided. Requests in `known_slow` go to recipients that were slow before, so a 429
    for them says nothing about the account.
    """

    def __init__(
        self,
        count: int,
        concurrency: int,
        deadline: float,
        *,
        live: bool = False,
        known_slow: Container[int] = (),
    ) -> None:
        self._concurrency = concurrency
        self._window = float(concurrency)
        self._decreased_at = float("-inf")
        self._deadline = deadline
        self._live = live
        self._known_slow = known_slow
        self._suspects: list[int] = []  # refused with 429, and it is not known why
        self._replies = 0
        self._refusals = 0
        self._throttled = False
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
        if not self._has_slot or now >= self._deadline:
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
        self._replies += 1
        if reply is PostReply.THROTTLED:
            self._refuse(request, now)
        elif reply is PostReply.TRY_LATER:
            self._retry(request, now, Outcome.FAILED)
        elif reply is PostReply.RESET:
            self._renew(request, now)
        else:
            if self._throttled and reply is PostReply.ACCEPTED:
                self._window = min(self._window + 1 / self._window, self._concurrency)
            self._decide(request, _FINAL[reply])
        if self._undecided == len(self._suspects):
            self._drop_suspects()

    def wake_at(self) -> float:
        """When to call again if no reply arrives: the next retry or the deadline."""
        if self._waiting and self._has_slot:
            return min(self._waiting[0][0], self._deadline)
        return self._deadline

    def expire(self, now: float) -> bool:
        """Drop all undecided requests if the deadline has passed; returns whether it has.

        The caller must then abort the requests in flight and not report them any more.
        """
        if now < self._deadline:
            return False
        self._drop_suspects()
        late = Outcome.THROTTLED if self._throttled else Outcome.DROPPED
        for request, outcome in enumerate(self._outcomes):
            if outcome is None:
                self._decide(request, late)
        self._ready.clear()
        self._waiting.clear()
        self._in_flight.clear()
        return True

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes by request number. Valid only when `done`."""
        return [outcome for outcome in self._outcomes if outcome is not None]

    @property
    def _has_slot(self) -> bool:
        return len(self._in_flight) < int(self._window)

    def _refuse(self, request: int, now: float) -> None:
        """Handle a 429."""
        if request in self._known_slow:
            self._decide(request, Outcome.SLOW)
            return
        self._refusals += 1
        if self._refusals >= max(_THROTTLED_COUNT, self._replies * _THROTTLED_SHARE):
            self._throttled = True
        if self._throttled:
            self._slow_down(now)
            suspects, self._suspects = self._suspects, []
            for refused in (*suspects, request):
                self._back_off(refused, now)
        elif self._live:
            self._suspects.append(request)
        else:
            self._retry(request, now, Outcome.SLOW)

    def _slow_down(self, now: float) -> None:
        if now - self._decreased_at >= _DECREASE_INTERVAL:
            self._decreased_at = now
            floor = max(self._concurrency * _FLOOR, 1.0)
            self._window = max(self._window * _DECREASE, floor)

    def _drop_suspects(self) -> None:
        """Conclude that the refused recipients are slow."""
        for request in self._suspects:
            self._decide(request, Outcome.SLOW)
        self._suspects.clear()

    def _retry(self, request: int, now: float, otherwise: Outcome) -> None:
        if self._retries[request] == _RETRIES:
            self._decide(request, otherwise)
        elif not self._wait(request, now):
            self._decide(request, Outcome.DROPPED)

    def _back_off(self, request: int, now: float) -> None:
        """Retry as long as the deadline allows: the account is throttled."""
        if not self._wait(request, now):
            self._decide(request, Outcome.THROTTLED)

    def _wait(self, request: int, now: float) -> bool:
        """Schedule a retry; False if it would be due after the deadline."""
        due = now + _FIRST_DELAY * 2 ** self._retries[request]
        if due >= self._deadline:
            return False
        self._retries[request] += 1
        heappush(self._waiting, (due, request))
        return True

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
