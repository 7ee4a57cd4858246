"""Which route a message takes, and what its function's result means for the client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from local.runtime.invocation import Outcome
from local.template.model import Route, WebSocketApi
from shared.utils.json_outline import outline

# A frame that goes out obeys the quota of those that come in: 128 KB.
MAX_MESSAGE_BYTES = 128 * 1024
_DEFAULT = "$default"


class RouteTable:
    """Finds the route of a message by the field that the selection expression names."""

    def __init__(self, websocket: WebSocketApi) -> None:
        self._routes = websocket.routes
        self._field = websocket.action_field
        # Skips all other fields without building them: audio is most of a message.
        struct: Any = msgspec.defstruct(
            "Selected", [("route", Any, None)], rename={"route": websocket.action_field}
        )
        self._decoder = msgspec.json.Decoder(struct)

    def find(self, body: str) -> Route | None:
        """The route, `$default` for what names none, None if that does not exist either."""
        try:
            key = route_key(self._decoder.decode(body).route)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # Perhaps JSON that only this decoder minds: half of a surrogate pair, or its depth.
            read = outline(body)
            key = read.members.get(self._field) if read.is_json else None
        # Keys that start with $ are API Gateway's own; no message can ask for them.
        if key is not None and not key.startswith("$") and key in self._routes:
            return self._routes[key]
        return self._routes.get(_DEFAULT)


def route_key(selected: object) -> str | None:
    """The key that the selected value names; what is no text is turned into text.

    So says
    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html,
    with `[item1, item2]` for an array as its only example; how a number or true look is assumed.
    """
    if isinstance(selected, str):
        return selected
    if isinstance(selected, (bool, int)):
        return json.dumps(selected)
    if isinstance(selected, list):
        return f"[{', '.join(str(route_key(item)) for item in selected)}]"
    return None


def gateway_message(message: str, connection_id: str, request_id: str) -> str:
    """What API Gateway itself tells a client."""
    return json.dumps({"message": message, "connectionId": connection_id, "requestId": request_id})


#: What an integration's time-out is called here.
TIMED_OUT = "Endpoint.Timedout"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message's result gives the client: a body, or why there is none."""

    body: str = ""
    #: Told to the client whether its route replies or not.
    failure: str | None = None


_FAILED = Answer(failure="Internal server error")
# https://github.com/Kludex/mangum/issues/128 and https://github.com/aws/chalice/issues/1406
_TIMED_OUT = Answer(failure="Endpoint request timed out")


def answer(outcome: Outcome) -> Answer:
    """The body of a well-formed result, whatever its status; without a body the empty text.

    Nobody documents what statuses other than 200 do:
    https://github.com/yai333/React-Chat-App-using-AWS-API-Gateway-Websocket-and-Serverless-Framework/issues/2
    sees the body of a 500 arrive, and https://github.com/serverless/serverless/issues/6816 an
    empty message for a result without body.
    """
    if outcome.error is not None:
        return _TIMED_OUT if outcome.error == TIMED_OUT else _FAILED
    result = _proxy_result(outcome)
    if result is None:
        return _FAILED
    body = result.get("body") or ""
    try:
        size = len(body.encode())
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return _FAILED
    return Answer(body) if size <= MAX_MESSAGE_BYTES else _FAILED


def connect_status(outcome: Outcome) -> int:
    """The status that $connect gives the handshake; 502 for failures and malformed results.

    A time-out is 504, as the gateway response INTEGRATION_TIMEOUT of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html;
    that it is the same for WebSocket APIs is assumed.
    """
    if outcome.error == TIMED_OUT:
        return 504
    result = _proxy_result(outcome) if outcome.error is None else None
    if result is None or not 200 <= result["statusCode"] <= 599:
        return 502
    return int(result["statusCode"])


def chosen_subprotocol(outcome: Outcome) -> str | None:
    """The subprotocol in $connect's response headers, where alone the client's is confirmed."""
    result = _proxy_result(outcome)
    for name, value in ((result or {}).get("headers") or {}).items():
        if name.lower() == "sec-websocket-protocol" and isinstance(value, str):
            return value
    return None


# What a proxy integration may return; anything else makes the result malformed, see
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
    """The function's result, None if it is malformed."""
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
