"""API Gateway's throttling: a token bucket for each route of the stage, and the account's.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

from local.template.model import WebSocketApi
from shared.utils.clock import Clock
from shared.utils.token_bucket import Budget, TokenBucket

# An account's quotas in most Regions: requests, @connections calls included, and new connections.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT = Budget(per_second=10_000, burst=5_000)
NEW_CONNECTIONS = Budget(per_second=500, burst=500)
# AWS says that too many requests of one client close its connection with 1008, not how many that
# are: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
CLIENT = Budget(per_second=200, burst=500)

#: What API Gateway says, and the reason that it closes with.
TOO_MANY = "Too Many Requests"

_CONNECT = "$connect"


class Throttles:
    """The buckets of one stage. `factor` multiplies every limit; 0 is no limit at all."""

    def __init__(self, websocket: WebSocketApi, clock: Clock, factor: float = 1.0) -> None:
        self._clock = clock
        self._factor = factor
        self._routes = dict(websocket.throttles)
        self._default = websocket.default_throttle
        self._buckets: dict[str, TokenBucket] = {}
        self._account: TokenBucket | None = None
        self._new: TokenBucket | None = None

    def admit_request(self, route_key: str) -> bool:
        """Whether a message may reach its route now."""
        return self._of_route(route_key) and self._of_account()

    def admit_connection(self) -> bool:
        """Whether a connection may be opened now."""
        if not self._factor:
            return True
        if not self._of_route(_CONNECT):
            return False
        budget, now = self._scaled(NEW_CONNECTIONS), self._now_ms()
        self._new = self._new or TokenBucket.full(budget, now)
        return self._new.take(budget, now) and self._of_account()

    def admit_call(self) -> bool:
        """Whether @connections may be called now."""
        return self._of_account()

    def of_client(self) -> ClientThrottle:
        """What one connection may send."""
        return ClientThrottle(self)

    def take_of_client(self, bucket: TokenBucket | None) -> tuple[bool, TokenBucket | None]:
        """Take one request from a client's bucket; the bucket is made with the first one."""
        if not self._factor:
            return True, None
        budget, now = self._scaled(CLIENT), self._now_ms()
        bucket = bucket or TokenBucket.full(budget, now)
        return bucket.take(budget, now), bucket

    def _of_route(self, key: str) -> bool:
        budget = self._routes.get(key, self._default)
        if budget is None or not self._factor:
            return True
        budget, now = self._scaled(budget), self._now_ms()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket.full(budget, now)
        return bucket.take(budget, now)

    def _of_account(self) -> bool:
        if not self._factor:
            return True
        budget, now = self._scaled(ACCOUNT), self._now_ms()
        self._account = self._account or TokenBucket.full(budget, now)
        return self._account.take(budget, now)

    def _scaled(self, budget: Budget) -> Budget:
        if self._factor == 1:
            return budget
        burst = max(round(budget.burst * self._factor), 1)
        return Budget(budget.per_second * self._factor, burst)

    def _now_ms(self) -> int:
        return int(self._clock.monotonic() * 1000)


class ClientThrottle:
    """The requests of one connection."""

    def __init__(self, throttles: Throttles) -> None:
        self._throttles = throttles
        self._bucket: TokenBucket | None = None

    def admit(self) -> bool:
        """Whether it may send one more; if not, it is closed."""
        admitted, self._bucket = self._throttles.take_of_client(self._bucket)
        return admitted
