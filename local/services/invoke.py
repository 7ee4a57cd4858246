"""Lambda's Invoke API: POST /2015-03-31/functions/{name}/invocations.

See https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec

from local.base.errors import ThrottledError, UnknownFunctionError
from local.http.messages import Request, Response
from local.iam.request_authorizer import RequestCheck
from local.iam.required_actions import INVOKE_PATH, function_name
from local.runtime.functions import Functions
from local.runtime.invocation import MAX_PAYLOAD_BYTES

# Above the payload limit, so that this API itself refuses larger payloads as Lambda does.
MAX_BODY_BYTES = 2 * MAX_PAYLOAD_BYTES
# Checks the syntax without building objects.
_JSON = msgspec.json.Decoder(msgspec.Raw)
#: Invocation counts by function, for benchmarks; not part of AWS's API.
STATISTICS_PATH = "/_invocations"
_INVOCATION_TYPE = b"x-amz-invocation-type"


class LambdaApi:
    """Invokes functions for requests that pass `check`."""

    def __init__(self, functions: Functions, check: RequestCheck) -> None:
        self._functions = functions
        self._check = check

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request."""
        if request.method == "GET" and request.path == STATISTICS_PATH:
            return Response.json(200, dict(self._functions.invocations))
        error = self._check(request)
        if error is not None:
            return error
        path = INVOKE_PATH.fullmatch(request.path)
        if path is None or request.method != "POST":
            return _error(404, "UnknownOperationException", "the local stack supports only Invoke")
        if len(request.body) > MAX_PAYLOAD_BYTES:
            return _error(413, "RequestTooLargeException", f"more than {MAX_PAYLOAD_BYTES} bytes")
        payload = request.body or b"{}"
        try:
            _JSON.decode(payload)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _error(400, "InvalidRequestContentException", "the payload is not JSON")
        return self._invoke(function_name(path[1]), payload, _invocation_type(request))

    async def _invoke(self, name: str, payload: bytes, kind: str) -> Response:
        request_id = ("x-amzn-RequestId", str(uuid.uuid4()))
        try:
            if kind == "DryRun":
                self._functions.require(name)
                return Response(204, headers=[request_id])
            if kind == "Event":
                self._functions.start_invocation(name, payload)
                return Response(202, headers=[request_id])
            if kind != "RequestResponse":
                message = f"unknown invocation type: {kind}"
                return _error(400, "InvalidParameterValueException", message)
            outcome = await self._functions.invoke(name, payload)
        except UnknownFunctionError as error:
            return _error(404, "ResourceNotFoundException", str(error))
        except ThrottledError as error:
            return _error(429, "TooManyRequestsException", str(error))
        headers = [
            request_id,
            ("Content-Type", "application/json"),
            ("X-Amz-Executed-Version", "$LATEST"),
        ]
        if outcome.error is not None:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        return Response(200, outcome.payload, headers)


def _invocation_type(request: Request) -> str:
    for name, value in request.raw_headers:
        if name == _INVOCATION_TYPE:
            return value.decode("latin-1")
    return "RequestResponse"


def _error(status: int, kind: str, message: str) -> Response:
    return Response.json(status, {"Type": "User", "Message": message}, [("x-amzn-ErrorType", kind)])
