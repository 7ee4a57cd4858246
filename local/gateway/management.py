"""The @connections endpoint: post to a connection, ask about it, close it.

Statuses, error types and the form of the path as in
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

from local.gateway.connections import Connections, Link, Posted
from local.gateway.routing import MAX_MESSAGE_BYTES
from local.gateway.throttles import TOO_MANY, Throttles
from local.gateway.websocket_events import is_id
from local.http.server import Request, Response
from local.iam.request_guard import Guard

# More than a message may have, so that what is too large is answered as AWS does.
MAX_BODY_BYTES = 8 * MAX_MESSAGE_BYTES


def _error(status: int, kind: str, message: str) -> Response:
    return Response.json(status, {"message": message}, [("x-amzn-ErrorType", kind)])


_POSTED = {
    Posted.SENT: Response(200),
    Posted.GONE: _error(410, "GoneException", "the connection is over or not open yet"),
    Posted.BUFFER_FULL: _error(429, "LimitExceededException", "the client does not keep up"),
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
        guard: Guard,
        throttles: Throttles | None = None,
    ) -> None:
        # The @ may be encoded or not; clients of AWS do either.
        self._prefixes = tuple(f"/{stage}/{at}connections/" for at in ("@", "%40"))
        self._connections = connections
        self._guard = guard
        self._throttles = throttles

    def handle(self, request: Request) -> Response:
        """Answer at once: nothing here waits for a client."""
        refusal = self._guard(request)
        if refusal is not None:
            return refusal
        if self._throttles is not None and not self._throttles.admit_call():
            return _THROTTLED
        for prefix in self._prefixes:
            if request.target.startswith(prefix):
                return self._serve(request, unquote(request.target[len(prefix) :]))
        return _not_found(request)

    def _serve(self, request: Request, connection_id: str) -> Response:
        if request.method not in {"POST", "GET", "DELETE"}:
            return _not_found(request)
        link = self._connections.find(connection_id)
        if link is None and not is_id(connection_id):
            return _BAD_ID
        if request.method == "POST":
            return self._post(request.body, link)
        if link is None:
            return _POSTED[Posted.GONE]
        if request.method == "GET":
            return _describe(link)
        self._connections.close(link, 1000, "Connection Closed Normally")
        return _CLOSED

    @staticmethod
    def _post(body: bytes, link: Link | None) -> Response:
        if len(body) > MAX_MESSAGE_BYTES:
            return _TOO_LARGE
        # ASCII is by far the most frequent, and the fastest to check.
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError:
                # As a text frame it would make the client drop its connection.
                return _NOT_TEXT
        return _POSTED[Posted.GONE if link is None else link.post(body)]


def _not_found(request: Request) -> Response:
    """For another stage, path or method, as in
    https://github.com/aws-samples/simple-websockets-chat-app/issues/40.
    """
    path = request.target.partition("?")[0].strip("/")
    text = f"No method found matching route {path} for http method {request.method}."
    return _error(404, "NotFoundException", text)


def _describe(link: Link) -> Response:
    source = link.source
    identity = {"sourceIp": source.opening.source_ip}
    if agent := source.opening.header("User-Agent"):
        identity["userAgent"] = agent
    return Response.json(
        200,
        {
            "connectedAt": _timestamp(source.connected_at),
            "identity": identity,
            "lastActiveAt": _timestamp(link.last_active_ms),
        },
    )


def _timestamp(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
