"""The Lambda Runtime API of one worker process.

Each process has its own endpoint, so a pending `/next` belongs to exactly one process, and no
invocation goes to a process that has ended. See
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import unquote

from local.http.messages import Request, Response
from local.runtime.invocation import MAX_PAYLOAD_BYTES, Invocation, Outcome

_BASE = "/2018-06-01/runtime"
_RESULT = re.compile(re.escape(_BASE) + r"/invocation/([^/]+)/(response|error)")
_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ACCEPTED = Response.json(202, {"status": "OK"})

# Above Lambda's limit, so that this API itself refuses larger results as Lambda does.
MAX_BODY_BYTES = 4 * MAX_PAYLOAD_BYTES


class RuntimeApi:
    """Hands invocations to one process and receives its results.

    `on_idle` is called whenever the process waits for an invocation, `on_init_error` with the error
    of a failed start.
    """

    def __init__(
        self,
        arn: str,
        *,
        on_idle: Callable[[], None],
        on_done: Callable[[Invocation, Outcome], None],
        on_init_error: Callable[[Outcome], None],
    ) -> None:
        self._arn = arn
        self._on_idle = on_idle
        self._on_done = on_done
        self._on_init_error = on_init_error
        self._next: asyncio.Future[Response] | None = None
        self.current: Invocation | None = None

    def assign(self, invocation: Invocation, deadline_ms: int) -> bool:
        """Hand over an invocation; returns False if the process does not wait for one.

        `deadline_ms` is since the epoch. A process that has just died does not wait, even before
        its end is noticed.
        """
        if self._next is None or self._next.done():
            return False
        self.current = invocation
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self._arn),
        ]
        self._next.set_result(Response(200, invocation.payload, headers))
        self._next = None
        return True

    async def handle(self, request: Request) -> Response:
        """Answer one request of the process."""
        match request.method, request.path:
            case "GET", "/2018-06-01/runtime/invocation/next":
                return await self._next_invocation()
            case "POST", "/2018-06-01/runtime/init/error":
                self._on_init_error(_error(request))
                return _ACCEPTED
            case "POST", path if match := _RESULT.fullmatch(path):
                return self._receive_result(unquote(match[1]), match[2], request)
        return Response.json(404, {"errorType": "NotFound", "errorMessage": request.path})

    async def _next_invocation(self) -> Response:
        self._next = asyncio.get_running_loop().create_future()
        future = self._next
        self._on_idle()
        # Without a timeout: an idle worker waits as long as the stack runs.
        return await future

    def _receive_result(self, request_id: str, kind: str, request: Request) -> Response:
        invocation = self.current
        if invocation is None or invocation.request_id != request_id:
            return Response.json(
                400, {"errorType": "InvalidRequestID", "errorMessage": "not the current invocation"}
            )
        self.current = None
        if kind == "error":
            self._on_done(invocation, _error(request))
        elif len(request.body) > MAX_PAYLOAD_BYTES:
            message = f"Response payload size exceeded maximum allowed of {MAX_PAYLOAD_BYTES} bytes"
            self._on_done(invocation, Outcome.failure("Function.ResponseSizeTooLarge", message))
            return Response.json(413, {"errorType": "RequestEntityTooLarge"})
        else:
            self._on_done(invocation, Outcome(request.body))
        return _ACCEPTED


def _error(request: Request) -> Outcome:
    """The error in a request; its type is in the body or in a header."""
    named = [value.decode("latin-1") for name, value in request.raw_headers if name == _ERROR_TYPE]
    try:
        kind = str(json.loads(request.body)["errorType"])
    except (ValueError, KeyError, TypeError):
        kind = named[0] if named else "Unknown"
    return Outcome(request.body, kind)
