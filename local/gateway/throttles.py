"""API Gateway's throttling: token buckets of routes, of clients and of the account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

from local.template.model import WebSocketApi
from shared.utils.clock import Clock
from shared.utils.token_bucket import Budget, TokenBucket

# An account's quotas in most Regions: requests including @connections calls, and new connections.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT = Budget(per_second=10_000, burst=5_000)
NEW_CONNECTIONS = Budget(per_second=500, burst=500)
# Too many requests of one client close its connection with 1008; AWS does not document the limit:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
CLIENT = Budget(per_second=200, burst=500)

#: API Gateway's error message and close reason.
TOO_MANY = "Too Many Requests"

_CONNECT = "$connect"


class Throttles:
    """Token buckets of one stage. `factor` scales all limits; 0 disables them."""

    def __init__(self, websocket: WebSocketApi, clock: Clock, factor: float = 1.0) -> None:
        self._clock = clock
        self._factor = factor
        self._routes = dict(websocket.throttles)
        self._default = websocket.default_throttle
        self._buckets: dict[str, TokenBucket] = {}
        self._account: TokenBucket | None = None
        self._new_connections: TokenBucket | None = None

    def admit_request(self, route_key: str) -> bool:
        """Take a token for a message to a route; False if throttled."""
        return self._take_from_route(route_key) and self._take_from_account()

    def admit_connection(self) -> bool:
        """Take a token for a new connection; False if throttled."""
        if not self._factor:
            return True
        if not self._take_from_route(_CONNECT):
            return False
        budget, now = self._scaled(NEW_CONNECTIONS), self._now_ms()
        self._new_connections = self._new_connections or TokenBucket.full(budget, now)
        return self._new_connections.take(budget, now) and self._take_from_account()

    def admit_call(self) -> bool:
        """Take a token for an @connections call; False if throttled."""
        return not self._factor or self._take_from_account()

    def client_throttle(self) -> ClientThrottle:
        """Create the throttle of one connection."""
        return ClientThrottle(self)

    def take_from_client(self, bucket: TokenBucket | None) -> tuple[bool, TokenBucket | None]:
        """Take a token from a client's bucket; the first call creates the bucket."""
        if not self._factor:
            return True, None
        budget, now = self._scaled(CLIENT), self._now_ms()
        bucket = bucket or TokenBucket.full(budget, now)
        return bucket.take(budget, now), bucket

    def _take_from_route(self, key: str) -> bool:
        budget = self._routes.get(key, self._default)
        if budget is None or not self._factor:
            return True
        budget, now = self._scaled(budget), self._now_ms()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket.full(budget, now)
        return bucket.take(budget, now)

    def _take_from_account(self) -> bool:
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
    """Limits the requests of one connection."""

    def __init__(self, throttles: Throttles) -> None:
        self._throttles = throttles
        self._bucket: TokenBucket | None = None

    def admit(self) -> bool:
        """Take a token for a request; if False, the connection must be closed."""
        admitted, self._bucket = self._throttles.take_from_client(self._bucket)
        return admitted
