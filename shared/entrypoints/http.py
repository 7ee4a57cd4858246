"""The decorator of handlers of the HTTP API: decode, call one service, answer in JSON.

As `shared.entrypoints.websocket` is for the WebSocket API; here the status is the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


class HttpService(Protocol):
    """What a route does."""

    def answer(self, event: Event) -> msgspec.Struct:
        """The body of the answer. Raises LingocastError."""


@dataclass(frozen=True)
class Posted(Generic[RequestType]):
    """A route that takes a JSON body of `request_type` from a user."""

    request_type: type[RequestType]
    service: Callable[[HttpCaller, RequestType], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """Who asks is found out first: strangers learn nothing of what a body should be."""
        caller = http_caller_of(event)
        return self.service(caller, decoded(http_request_of(event).body, self.request_type))


@dataclass(frozen=True)
class Asked:
    """A route that takes nothing but who asks."""

    service: Callable[[HttpCaller], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """A body, if there is one, means nothing."""
        return self.service(http_caller_of(event))


@dataclass(frozen=True)
class Raw:
    """A route that finds out itself who sends, from headers and the body as it was sent."""

    service: Callable[[HttpRequest], msgspec.Struct]

    def answer(self, event: Event) -> msgspec.Struct:
        """No token is asked for."""
        return self.service(http_request_of(event))


def http_handler(services: Mapping[str, HttpService], *, telemetry: Telemetry) -> HttpHandler:
    """A Lambda handler for routes of the HTTP API; `services` by route key, `POST /path`."""

    def handler(event: Event, _context: object) -> Result:
        route = event["routeKey"]
        try:
            status, content = 200, services[route].answer(event)
        except Exception as error:  # noqa: BLE001 - the boundary: answer, never raise
            failure = to_client_error(error, telemetry, action=route)
            status = CATALOGUE[failure.code].status
            content = HttpError(code=failure.code, message=failure.message)
        finally:
            telemetry.flush()
        body = msgspec.json.encode(content).decode()
        return {"statusCode": status, "headers": _HEADERS, "body": body}

    return handler


def decoded(body: bytes, request_type: type[RequestType]) -> RequestType:
    """The body as a request. Raises INVALID_MESSAGE that names the field."""
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
