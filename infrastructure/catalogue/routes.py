"""The routes of the WebSocket API: API Gateway's own, and one for each request.

Requests come from the table in `shared.protocol.requests`, functions from
`infrastructure.catalogue.function_table`.
"""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import CONNECT, CONTROL, DISCONNECT, FUNCTIONS
from shared.protocol.requests import REQUESTS, ThrottleClass


@dataclass(frozen=True)
class RouteSpec:
    """One route of the WebSocket API.

    `replies` gives it a route response. Without a `throttle` class it has the stage's throttle.
    """

    key: str
    function: FunctionSpec
    replies: bool = False
    throttle: ThrottleClass | None = None


_FUNCTIONS = {function.name: function for function in FUNCTIONS}

ROUTES = (
    RouteSpec("$connect", CONNECT, throttle=ThrottleClass.CONNECT),
    RouteSpec("$disconnect", DISCONNECT),
    RouteSpec("$default", CONTROL, replies=True, throttle=ThrottleClass.DEFAULT),
    *(
        RouteSpec(spec.action, _FUNCTIONS[spec.function], spec.reply is not None, spec.throttle)
        for spec in REQUESTS
    ),
)
