"""Events of a WebSocket API for Lambda functions.

Formats as in
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
and
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html.
CONNECT and DISCONNECT events have headers, MESSAGE events have none.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from local.template.model import IdentitySource, Stack

Event = dict[str, Any]

# API Gateway's ids: 11 bytes in URL-safe base64. They end in "=" and may contain "-" and "_", as in
# https://github.com/aws/aws-sdk-net/issues/3132 and in AWS's examples.
_ID_BYTES = 11
# Characters of an id. AWS may be stricter: a report says it rejects `6sdf`, see docs/parity.md.
_ID = re.compile(r"[A-Za-z0-9_\-+/=]{1,64}")

# Headers of the handshake that API Gateway does not pass to the integration.
_HOP_BY_HOP = frozenset({"connection", "upgrade", "content-length"})


def new_id() -> str:
    """Generate an id for a connection, request or message in API Gateway's format."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).decode()


def is_id(text: str) -> bool:
    """Whether `text` has the format of a connection id."""
    return _ID.fullmatch(text) is not None


def encode(event: Event) -> bytes:
    """Encode an event as a function's payload."""
    return msgspec.json.encode(event)


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """A client's handshake request; header names as received."""

    headers: Sequence[tuple[str, str]]
    query: str
    source_ip: str

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query string, decoded."""
        return parse_qsl(self.query, keep_blank_values=True)

    def has_identity(self, sources: Sequence[IdentitySource]) -> bool:
        """Whether all identity sources are present and not empty."""
        parameters = dict(self.parameters)
        return all(
            self.header(source.name) if source.kind == "header" else parameters.get(source.name)
            for source in sources
        )


@dataclass
class WebSocketEventFactory:
    """Builds the events of one connection; `authorizer` is the context in all later events."""

    stack: Stack
    connection_id: str
    connected_at: int
    handshake: HandshakeRequest
    authorizer: Mapping[str, str] | None = None
    _identity: dict[str, str] = field(init=False)
    _trace_id: str = field(init=False)

    def __post_init__(self) -> None:
        self._trace_id = f"Root=1-{self.connected_at // 1000:08x}-{secrets.token_hex(12)}"
        self._identity = {"sourceIp": self.handshake.source_ip}
        if agent := self.handshake.header("User-Agent"):
            self._identity["userAgent"] = agent

    def authorize(self, now_ms: int) -> Event:
        """Event for the REQUEST authorizer of $connect."""
        return {
            "type": "REQUEST",
            "methodArn": self.method_arn("$connect"),
            **self._from_handshake([*self.handshake.headers, ("content-length", "0")]),
            "requestContext": self._context("$connect", "CONNECT", new_id(), now_ms),
        }

    def connect(self, now_ms: int) -> Event:
        """Event for $connect."""
        headers = [pair for pair in self.handshake.headers if pair[0].lower() not in _HOP_BY_HOP]
        return {
            **self._from_handshake(headers),
            "requestContext": self._context("$connect", "CONNECT", new_id(), now_ms),
            "isBase64Encoded": False,
        }

    def message(self, route_key: str, body: str, request_id: str, now_ms: int) -> Event:
        """Event for a message on any other route."""
        context = self._context(route_key, "MESSAGE", request_id, now_ms)
        context["messageId"] = new_id()
        return {"requestContext": context, "body": body, "isBase64Encoded": False}

    def disconnect(self, status: int, reason: str, now_ms: int) -> Event:
        """Event for $disconnect; `status` and `reason` are those of the close frame."""
        host = self.domain_name
        context = self._context("$disconnect", "DISCONNECT", new_id(), now_ms)
        context["disconnectStatusCode"] = status
        context["disconnectReason"] = reason
        return {
            "headers": {"Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""},
            "multiValueHeaders": {
                "Host": [host],
                "x-api-key": [""],
                "X-Forwarded-For": [""],
                "x-restapi": [""],
            },
            "requestContext": context,
            "isBase64Encoded": False,
        }

    def method_arn(self, route_key: str) -> str:
        """ARN of a route, the resource in the authorizer's policy."""
        websocket = self.stack.websocket
        return self.stack.aws.arn(
            "execute-api", f"{websocket.api_id}/{websocket.stage}/{route_key}"
        )

    @property
    def domain_name(self) -> str:
        """Host of the deployed API."""
        return self.stack.aws.api_host(self.stack.websocket.api_id)

    def _context(self, route_key: str, event_type: str, request_id: str, now_ms: int) -> Event:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        context: Event = {
            "routeKey": route_key,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "messageDirection": "IN",
            "stage": self.stack.websocket.stage,
            "connectedAt": self.connected_at,
            "requestTimeEpoch": now_ms,
            "identity": self._identity,
            "requestId": request_id,
            "domainName": self.domain_name,
            "connectionId": self.connection_id,
            "apiId": self.stack.websocket.api_id,
        }
        if self.authorizer is not None:
            context["authorizer"] = dict(self.authorizer)
        return context

    def _from_handshake(self, headers: Sequence[tuple[str, str]]) -> Event:
        """Headers and query parameters, each with its last value and with all its values."""
        headers = [
            *headers,
            ("X-Amzn-Trace-Id", self._trace_id),
            ("X-Forwarded-For", self.handshake.source_ip),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Proto", "https"),
        ]
        event: Event = {"headers": dict(headers), "multiValueHeaders": _grouped(headers)}
        parameters = self.handshake.parameters
        if parameters:
            event["queryStringParameters"] = dict(parameters)
            event["multiValueQueryStringParameters"] = _grouped(parameters)
        return event


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped
