"""Handlers of the HTTP API: decode a request, call one service, answer in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from shared.entrypoints.client_errors import to_client_error
from shared.entrypoints.http_event import http_caller_of, http_request_of
from shared.entrypoints.request_decoder import member_fault, readable_fault, text_fault
from shared.entrypoints.websocket_event import Event
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.protocol.http_messages import HttpCaller, HttpError, HttpRequest
from shared.utils.json_outline import outline
from shared.utils.telemetry import Telemetry

Result = dict[str, Any]
HttpHandler = Callable[[Event, object], Result]
RequestType = TypeVar("RequestType", bound=msgspec.Struct)

_HEADERS = {"content-type": "application/json"}


class HttpRoute(Protocol):
    """One route: reads the event and calls the service."""

    def answer(self, event: Event) -> msgspec.Struct:
        """The response's body. Raises LingocastError."""


class BodyRoute(msgspec.Struct, Generic[RequestType], frozen=True):
    """A route for users that takes a JSON body of `request_type`."""

    request_type: type[RequestType]
    service: Callable[[HttpCaller, RequestType], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """Checks the user first, so that others learn nothing about the body."""
        caller = http_caller_of(event)
        return self.service(caller, decoded(http_request_of(event).body, self.request_type))


class BodylessRoute(msgspec.Struct, frozen=True):
    """A route for users that takes no body."""

    service: Callable[[HttpCaller], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """Ignores the body."""
        return self.service(http_caller_of(event))


class SignedRoute(msgspec.Struct, frozen=True):
    """A route without a token; the service checks the signature of headers and body."""

    service: Callable[[HttpRequest], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """Passes the request on as it was sent."""
        return self.service(http_request_of(event))


def http_handler(routes: Mapping[str, HttpRoute], *, telemetry: Telemetry) -> HttpHandler:
    """A Lambda handler for routes of the HTTP API, by route key: `POST /path`."""

    def handler(event: Event, _context: object) -> Result:
        key = event["routeKey"]
        try:
            status, content = 200, routes[key].answer(event)
        except Exception as error:  # noqa: BLE001 - the boundary: answer, never raise
            failure = to_client_error(error, telemetry, action=key)
            status = CATALOGUE[failure.code].status
            content = HttpError(code=failure.code, message=failure.message)
        finally:
            telemetry.flush()
        body = msgspec.json.encode(content).decode()
        return {"statusCode": status, "headers": _HEADERS, "body": body}

    return handler


def decoded(body: bytes, request_type: type[RequestType]) -> RequestType:
    """The decoded body. Raises INVALID_MESSAGE, naming the wrong field."""
    try:
        return msgspec.json.decode(body, type=request_type)
    except msgspec.ValidationError as error:
        fault = readable_fault(error, [request_type], "body")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        fault = _unreadable(body, error, request_type)
    raise LingocastError(ErrorCode.INVALID_MESSAGE, fault)


def _unreadable(body: bytes, error: Exception, request_type: type[msgspec.Struct]) -> str:
    try:
        text = body.decode()
    except UnicodeError:
        return "body: not UTF-8"
    read = outline(text)
    return text_fault(text, read, "body") or member_fault(read, error, "body", [request_type])
