"""The @connections endpoint: post to a connection, describe it, close it.

Statuses, error types and paths as in
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

from local.gateway.connections import ClientConnection, Connections, PostResult
from local.gateway.routing import MAX_MESSAGE_BYTES
from local.gateway.throttles import TOO_MANY, Throttles
from local.gateway.websocket_events import is_id
from local.http.server import Request, Response
from local.iam.request_authorizer import RequestCheck

# Larger than the message quota, so that a message over it gets AWS's error.
MAX_BODY_BYTES = 8 * MAX_MESSAGE_BYTES


def _error(status: int, kind: str, message: str) -> Response:
    return Response.json(status, {"message": message}, [("x-amzn-ErrorType", kind)])


_POSTED = {
    PostResult.SENT: Response(200),
    PostResult.GONE: _error(410, "GoneException", "the connection is closed or not open yet"),
    PostResult.BUFFER_FULL: _error(429, "LimitExceededException", "the client reads too slowly"),
}
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

    def handle(self, request: Request) -> Response:
        """Serve a call without waiting for any client."""
        error = self._check(request)
        if error is not None:
            return error
        if self._throttles is not None and not self._throttles.admit_call():
            return _THROTTLED
        for prefix in self._prefixes:
            if request.target.startswith(prefix):
                return self._serve(request, unquote(request.target[len(prefix) :]))
        return _not_found(request)

    def _serve(self, request: Request, connection_id: str) -> Response:
        if request.method not in {"POST", "GET", "DELETE"}:
            return _not_found(request)
        connection = self._connections.find(connection_id)
        if connection is None and not is_id(connection_id):
            return _BAD_ID
        if request.method == "POST":
            return self._post(request.body, connection)
        if connection is None:
            return _POSTED[PostResult.GONE]
        if request.method == "GET":
            return _describe(connection)
        self._connections.close(connection, 1000, "Connection Closed Normally")
        return _CLOSED

    @staticmethod
    def _post(body: bytes, connection: ClientConnection | None) -> Response:
        if len(body) > MAX_MESSAGE_BYTES:
            return _TOO_LARGE
        # Most messages are ASCII, which is faster to check.
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError:
                # A text frame with invalid UTF-8 would make the client close its connection.
                return _NOT_TEXT
        return _POSTED[PostResult.GONE if connection is None else connection.post(body)]


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
