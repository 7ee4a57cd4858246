"""Events of an HTTP API for Lambda functions: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.base.loopback import HOST
from local.http.messages import Request
from local.identity.jwt_authorizer import Claims, as_texts
from local.template.model import AwsEnvironment, HttpApi, HttpRoute

Event = dict[str, Any]

# Hop-by-hop headers, and cookies, which have a field of their own.
_OMITTED_HEADERS = frozenset({"connection", "cookie", "expect", "keep-alive", "transfer-encoding"})
# Bodies of other types, including forms, are base64-encoded:
# https://github.com/middyjs/middy/pull/603 and
# https://aws.amazon.com/blogs/compute/handling-binary-data-using-amazon-api-gateway-http-apis/
_TEXT = re.compile(r"text/.+|application/(json|javascript|xml|[^;]+\+(json|xml))", re.IGNORECASE)


def decoded_path(request: Request) -> str:
    """The path as routes and functions see it: decoded, and cut at an encoded `?`.

    Recorded on AWS: https://github.com/hotsock/voker/pull/8
    """
    return unquote(request.path).partition("?")[0]


class HttpEventFactory:
    """Builds the events of one API."""

    def __init__(self, api: HttpApi, aws: AwsEnvironment) -> None:
        self._api = api
        self._aws = aws

    def build(
        self,
        request: Request,
        route: HttpRoute,
        claims: Claims | None,
        *,
        request_id: str,
        now_ms: int,
    ) -> Event:
        """Build the event for a route's function; `claims` are those of the verified token."""
        headers = request.headers
        cookies = headers.get("cookie")
        query = request.target.partition("?")[2]
        event: Event = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": decoded_path(request),
            "rawQueryString": query,
            "headers": _event_headers(headers, now_ms),
            "requestContext": {
                **self._context(request, route, now_ms),
                "requestId": request_id,
            },
            "isBase64Encoded": False,
        }
        if claims is not None:
            # A route without authorization scopes has null here:
            # https://github.com/floci-io/floci/issues/2010
            jwt = {"claims": as_texts(claims), "scopes": None}
            event["requestContext"]["authorizer"] = {"jwt": jwt}
        if cookies is not None:
            event["cookies"] = [part.strip() for part in cookies.split(";") if part.strip()]
        if query:
            event["queryStringParameters"] = _query_parameters(query)
        if request.body:
            event["body"], event["isBase64Encoded"] = _body(request.body, headers)
        return event

    def _context(self, request: Request, route: HttpRoute, now_ms: int) -> Event:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        return {
            "accountId": self._aws.account,
            "apiId": self._api.api_id,
            "domainName": self._aws.api_host(self._api.api_id),
            "domainPrefix": self._api.api_id,
            "http": {
                "method": request.method,
                "path": decoded_path(request),
                "protocol": "HTTP/1.1",
                "sourceIp": HOST,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "routeKey": route.key,
            "stage": self._api.stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": now_ms,
        }


def _event_headers(headers: dict[str, str], now_ms: int) -> dict[str, str]:
    trace = f"Root=1-{now_ms // 1000:08x}-{secrets.token_hex(12)}"
    return {
        **{name: value for name, value in headers.items() if name not in _OMITTED_HEADERS},
        "x-amzn-trace-id": trace,
        "x-forwarded-for": HOST,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _query_parameters(query: str) -> dict[str, str]:
    """Decoded parameters; the values of a repeated one are joined with commas."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """The body, and whether it is base64-encoded.

    A text type whose body is not UTF-8 is base64-encoded too, since JSON cannot contain it; AWS's
    behaviour is undocumented.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if _TEXT.fullmatch(kind):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
