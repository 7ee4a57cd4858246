"""Converts a function's result to an HTTP API's response: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from local.base.errors import ThrottledError
from local.gateway.integration import TIMED_OUT
from local.http.messages import Response
from local.runtime.invocation import Outcome

_JSON = "application/json"
# Default content type: seen in AWS's responses, undocumented.
_PLAIN = "text/plain;charset=UTF-8"
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Set by the server, not by the function.
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_WITHOUT_BODY = frozenset({204, 304})


class MalformedResultError(Exception):
    """A result that is not a valid response."""


def gateway_response(
    status: int, message: str, request_id: str, *headers: tuple[str, str]
) -> Response:
    """A response of API Gateway itself."""
    return Response.json(status, {"message": message}, [("apigw-requestid", request_id), *headers])


def to_response(outcome: Outcome, request_id: str) -> Response:
    """Convert an outcome to the client's response.

    An integration timeout is 503 (https://github.com/cortexlabs/cortex/issues/1225), and so is a
    throttled function (assumed). An error of the function, its own timeout and a malformed result
    are 500, without detail.
    """
    if outcome.error in {TIMED_OUT, ThrottledError.__name__}:
        return gateway_response(503, "Service Unavailable", request_id)
    try:
        if outcome.error is None:
            return _from_result(json.loads(outcome.payload), outcome.payload, request_id)
    except (MalformedResultError, ValueError):
        pass
    return gateway_response(500, "Internal Server Error", request_id)


def _from_result(result: Any, payload: bytes, request_id: str) -> Response:
    headers = [("apigw-requestid", request_id)]
    if not isinstance(result, dict) or "statusCode" not in result:
        # JSON without a status code is the body of a 200.
        body = result.encode() if isinstance(result, str) else payload
        return Response(200, body, [("content-type", _JSON), *headers])
    status = result["statusCode"]
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise MalformedResultError
    function_headers = _headers(result.get("headers"))
    if not any(name == "content-type" for name, _ in function_headers):
        function_headers.append(("content-type", _PLAIN))
    function_headers += [("set-cookie", cookie) for cookie in _cookies(result.get("cookies"))]
    body = b"" if status in _WITHOUT_BODY else _body(result)
    return Response(status, body, [*function_headers, *headers])


def _headers(value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise MalformedResultError
    found = [(name.lower(), _header_text(text)) for name, text in value.items()]
    if not all(_HEADER_NAME.fullmatch(name) for name, _ in found):
        raise MalformedResultError
    return [(name, text) for name, text in found if name not in _HOP_BY_HOP]


def _cookies(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedResultError
    return [_header_text(cookie) for cookie in value]


def _header_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, (dict, list)) or not text.isprintable():
        raise MalformedResultError
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedResultError from None
    return text


def _body(result: dict[str, Any]) -> bytes:
    body, encoded = result.get("body"), result.get("isBase64Encoded")
    if body is None:
        return b""
    if not isinstance(body, str) or not isinstance(encoded, (bool, type(None))):
        raise MalformedResultError
    if not encoded:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise MalformedResultError from None
