"""The @connections endpoint: post to a connection, describe it, close it.

Statuses, error types and paths as in
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote

from local.gateway.connections import ClientConnection, Connections, PostResult, TextMessage
from local.gateway.routing import MAX_MESSAGE_BYTES
from local.gateway.throttles import TOO_MANY, Throttles
from local.gateway.websocket_events import is_id
from local.http.messages import Request, Response
from local.iam.request_authorizer import RequestCheck

# Larger than the message quota, so that a message over it gets AWS's error.
MAX_BODY_BYTES = 8 * MAX_MESSAGE_BYTES
# More than the connections that one machine serves.
_CACHED_TARGETS = 16_384


def _error(status: int, kind: str, message: str) -> Response:
    return Response.json(status, {"message": message}, [("x-amzn-ErrorType", kind)])


_SENT = Response(200)
_GONE = _error(410, "GoneException", "the connection is closed or not open yet")
_BUFFER_FULL = _error(429, "LimitExceededException", "the client reads too slowly")
_THROTTLED = _error(429, "LimitExceededException", TOO_MANY)
_CLOSED = Response(204)
_TOO_LARGE = _error(413, "PayloadTooLargeException", f"more than {MAX_MESSAGE_BYTES} bytes")
# https://github.com/localstack/localstack/issues/4694
_BAD_ID = _error(400, "BadRequestException", "Invalid connectionId")
_NOT_TEXT = _error(400, "BadRequestException", "the message is not UTF-8")


class ManagementApi:
    """Serves /{stage}/@connections/{connection id}."""

    def __init__(
        self,
        stage: str,
        connections: Connections,
        check: RequestCheck,
        throttles: Throttles | None = None,
    ) -> None:
        # AWS's clients differ in whether they encode the @.
        self._prefixes = tuple(f"/{stage}/{at}connections/" for at in ("@", "%40"))
        self._connections = connections
        self._check = check
        self._throttles = throttles
        # An audio chunk comes in hundreds of posts to the same connections as the one before.
        self._id_of = lru_cache(maxsize=_CACHED_TARGETS)(self._parse)
        self._last_message = TextMessage(b"")

    def handle(self, request: Request) -> Response:
        """Serve a call without waiting for any client."""
        error = self._check(request)
        if error is not None:
            return error
        if self._throttles is not None and not self._throttles.admit_call():
            return _THROTTLED
        connection_id = self._id_of(request.target)
        if connection_id is None:
            return _not_found(request)
        return self._serve(request, connection_id)

    def _parse(self, target: str) -> str | None:
        """Connection id of a target, or None if it has none."""
        for prefix in self._prefixes:
            if target.startswith(prefix):
                return unquote(target[len(prefix) :])
        return None

    def _serve(self, request: Request, connection_id: str) -> Response:
        if request.method not in {"POST", "GET", "DELETE"}:
            return _not_found(request)
        connection = self._connections.find(connection_id)
        if connection is None and not is_id(connection_id):
            return _BAD_ID
        if request.method == "POST":
            return self._post(request.body, connection)
        if connection is None:
            return _GONE
        if request.method == "GET":
            return _describe(connection)
        self._connections.close(connection, 1000, "Connection Closed Normally")
        return _CLOSED

    def _post(self, body: bytes, connection: ClientConnection | None) -> Response:
        message = self._last_message
        if body != message.body:
            if len(body) > MAX_MESSAGE_BYTES:
                return _TOO_LARGE
            if not _is_text(body):
                # A text frame with invalid UTF-8 would make the client close its connection.
                return _NOT_TEXT
            message = self._last_message = TextMessage(body)
        if connection is None:
            return _GONE
        result = connection.post(message)
        if result is PostResult.SENT:
            return _SENT
        return _GONE if result is PostResult.GONE else _BUFFER_FULL


def _is_text(body: bytes) -> bool:
    # Most messages are ASCII, which is faster to check.
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_found(request: Request) -> Response:
    """Error for an unknown stage, path or method.

    https://github.com/aws-samples/simple-websockets-chat-app/issues/40
    """
    path = request.target.partition("?")[0].strip("/")
    text = f"No method found matching route {path} for http method {request.method}."
    return _error(404, "NotFoundException", text)


def _describe(connection: ClientConnection) -> Response:
    events = connection.events
    identity = {"sourceIp": events.handshake.source_ip}
    if agent := events.handshake.header("User-Agent"):
        identity["userAgent"] = agent
    return Response.json(
        200,
        {
            "connectedAt": _timestamp(events.connected_at),
            "identity": identity,
            "lastActiveAt": _timestamp(connection.last_active_ms),
        },
    )


def _timestamp(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
