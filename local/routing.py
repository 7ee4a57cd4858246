"""Which route a message takes, and what its function's result means for the client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from local.invocation import Outcome
from local.model import Route, WebSocketApi

# A frame that goes out obeys the quota of those that come in: 128 KB.
MAX_MESSAGE_BYTES = 128 * 1024
_DEFAULT = "$default"


class RouteTable:
    """Finds the route of a message by the field that the selection expression names."""

    def __init__(self, websocket: WebSocketApi) -> None:
        self._routes = websocket.routes
        # Skips all other fields without building them: audio is most of a message.
        struct: Any = msgspec.defstruct(
            "Selected", [("route", Any, None)], rename={"route": websocket.action_field}
        )
        self._decoder = msgspec.json.Decoder(struct)

    def find(self, body: str) -> Route | None:
        """The route, `$default` for what names none, None if that does not exist either."""
        try:
            key = self._decoder.decode(body).route
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            key = None
        # Keys that start with $ are API Gateway's own; no message can ask for them.
        if isinstance(key, str) and not key.startswith("$") and key in self._routes:
            return self._routes[key]
        return self._routes.get(_DEFAULT)


def gateway_message(message: str, connection_id: str, request_id: str) -> str:
    """What API Gateway itself tells a client."""
    return json.dumps({"message": message, "connectionId": connection_id, "requestId": request_id})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message's result gives the client, if its route replies."""

    body: str | None


#: The client is told of an internal server error, whether its route replies or not.
FAILURE = Answer(None)
_NOTHING = Answer(None)


def answer(outcome: Outcome) -> Answer:
    """The body of a result with status 200; what other statuses do, reports disagree on."""
    if outcome.error is not None:
        return FAILURE
    result = _result(outcome)
    body = result.get("body")
    if result.get("statusCode") != 200 or not isinstance(body, str):
        return _NOTHING
    try:
        size = len(body.encode())
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return FAILURE
    return Answer(body) if size <= MAX_MESSAGE_BYTES else FAILURE


def connect_status(outcome: Outcome) -> int:
    """The status that $connect gives the handshake; 502 for failures and malformed results."""
    status = None if outcome.error is not None else _result(outcome).get("statusCode")
    valid = isinstance(status, int) and not isinstance(status, bool) and 200 <= status <= 599
    return int(status) if valid and status is not None else 502


def chosen_subprotocol(outcome: Outcome) -> str | None:
    """The subprotocol in $connect's response headers, where alone the client's is confirmed."""
    headers = _result(outcome).get("headers")
    if not isinstance(headers, dict):
        return None
    for name, value in headers.items():
        if name.lower() == "sec-websocket-protocol" and isinstance(value, str):
            return value
    return None


def _result(outcome: Outcome) -> dict[str, Any]:
    try:
        result = json.loads(outcome.payload)
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}
