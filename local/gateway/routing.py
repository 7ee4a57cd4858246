"""Selects the route of a WebSocket message and interprets its function's result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from local.gateway.integration import TIMED_OUT
from local.runtime.invocation import Outcome
from local.template.model import Route, WebSocketApi
from shared.utils.json_outline import outline

# The quota of 128 KB applies in both directions.
MAX_MESSAGE_BYTES = 128 * 1024
_DEFAULT = "$default"


class RouteTable:
    """Finds the route of a message by the field in the route selection expression."""

    def __init__(self, websocket: WebSocketApi) -> None:
        self._routes = websocket.routes
        self._field = websocket.action_field
        # Skips all other fields, above all the audio, without decoding them.
        struct: Any = msgspec.defstruct(
            "Selected", [("route", Any, None)], rename={"route": websocket.action_field}
        )
        self._decoder = msgspec.json.Decoder(struct)

    def find(self, body: str) -> Route | None:
        """The message's route, else `$default`, or None if the API has no default route."""
        try:
            key = route_key(self._decoder.decode(body).route)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # msgspec rejects some valid JSON: lone surrogates and deep nesting.
            read = outline(body)
            key = read.members.get(self._field) if read.is_json else None
        # Keys that start with $ are API Gateway's own; messages cannot select them.
        if key is not None and not key.startswith("$") and key in self._routes:
            return self._routes[key]
        return self._routes.get(_DEFAULT)


def route_key(selected: object) -> str | None:
    """Convert the selected value to a route key, or None for objects, null and fractions.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
    gives `[item1, item2]` for an array as its only example; numbers and booleans are assumed.
    """
    if isinstance(selected, str):
        return selected
    if isinstance(selected, (bool, int)):
        return json.dumps(selected)
    if isinstance(selected, list):
        return f"[{', '.join(str(route_key(item)) for item in selected)}]"
    return None


def gateway_message(message: str, connection_id: str, request_id: str) -> str:
    """A message of API Gateway itself to a client."""
    return json.dumps({"message": message, "connectionId": connection_id, "requestId": request_id})


@dataclass(frozen=True, slots=True)
class RouteReply:
    """A route's reply to a message: a body, or an error message."""

    body: str = ""
    #: Sent to the client even if the route does not reply.
    error: str | None = None


_FAILED = RouteReply(error="Internal server error")
# https://github.com/Kludex/mangum/issues/128 and https://github.com/aws/chalice/issues/1406
_TIMED_OUT = RouteReply(error="Endpoint request timed out")


def route_reply(outcome: Outcome) -> RouteReply:
    """The body of a well-formed result, whatever its status; empty if it has none.

    The effect of statuses other than 200 is undocumented.
    https://github.com/yai333/React-Chat-App-using-AWS-API-Gateway-Websocket-and-Serverless-Framework/issues/2
    reports that the body of a 500 arrives, and
    https://github.com/serverless/serverless/issues/6816 an empty message for a result without body.
    """
    if outcome.error is not None:
        return _TIMED_OUT if outcome.error == TIMED_OUT else _FAILED
    result = _proxy_result(outcome)
    if result is None:
        return _FAILED
    body = result.get("body") or ""
    try:
        size = len(body.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return _FAILED
    return RouteReply(body) if size <= MAX_MESSAGE_BYTES else _FAILED


def connect_status(outcome: Outcome) -> int:
    """Status of the handshake from $connect's result; 502 for failures and malformed results.

    A timeout is 504, as the gateway response INTEGRATION_TIMEOUT in
    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html;
    the same is assumed for WebSocket APIs.
    """
    if outcome.error == TIMED_OUT:
        return 504
    result = _proxy_result(outcome) if outcome.error is None else None
    if result is None or not 200 <= result["statusCode"] <= 599:
        return 502
    return int(result["statusCode"])


def chosen_subprotocol(outcome: Outcome) -> str | None:
    """The subprotocol in $connect's response headers, or None; API Gateway confirms no other."""
    result = _proxy_result(outcome)
    for name, value in ((result or {}).get("headers") or {}).items():
        if name.lower() == "sec-websocket-protocol" and isinstance(value, str):
            return value
    return None


# Fields of a proxy integration's result; any other field makes the result malformed, see
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
# and, for WebSocket APIs, https://github.com/middyjs/middy/issues/1219.
_RESULT_TYPES: dict[str, tuple[type, ...]] = {
    "statusCode": (int,),
    "headers": (dict, type(None)),
    "multiValueHeaders": (dict, type(None)),
    "body": (str, type(None)),
    "isBase64Encoded": (bool, type(None)),
}


def _proxy_result(outcome: Outcome) -> dict[str, Any] | None:
    """The function's result, or None if it is malformed."""
    try:
        result = json.loads(outcome.payload)
    except ValueError:
        return None
    if not isinstance(result, dict) or isinstance(result.get("statusCode"), (bool, type(None))):
        return None
    for key, value in result.items():
        if not isinstance(value, _RESULT_TYPES.get(key, ())):
            return None
    return result
