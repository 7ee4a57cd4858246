"""The decorators of every handler: decode, call one service, reply; a failure becomes an envelope.

Whatever happens, API Gateway gets `{"statusCode": 200}`, with the reply as body if the route has a
response: what it does with other statuses of message routes is not documented well enough to rely
on, and an exception would reach the client as a message that is none of the protocol's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from shared.admission.request_admission import Closer, RequestAdmission
from shared.entrypoints.client_errors import to_client_error
from shared.entrypoints.request_decoder import Head, MalformedRequestError, RequestDecoder, head_of
from shared.entrypoints.websocket_event import Event, caller_of
from shared.models.connection import Caller
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.protocol.message_base import Reply, Request, action_of, encode
from shared.protocol.messages import ErrorMessage
from shared.utils.telemetry import Telemetry

Result = dict[str, Any]
LambdaHandler = Callable[[Event, object], Result]
# The request types differ by route; each service method takes its own.
Service = Callable[[Caller, Any], Reply | None]
# Says with which rights a caller makes a request; raises LingocastError if with none.
Admission = Callable[[Caller, Request], Caller]


def message_handler(
    services: Mapping[type[Request], Service],
    *,
    check_size: Callable[[str], None],
    telemetry: Telemetry,
    push_error: Callable[[Caller, bytes], None] | None = None,
    admit: Admission = lambda caller, request: caller,
    closer: Closer | None = None,
) -> LambdaHandler:
    """A Lambda handler for message routes.

    `services` says who answers each request type. `check_size` refuses a text that is too large
    before it is parsed. `push_error` sends errors where the route has no response. `admit` sees
    each request before its service does. Every connection has budgets (`shared.admission.budgets`),
    which come first; `closer` closes those that go on beyond them.
    """
    decoder = RequestDecoder(services)
    guard = RequestAdmission(services.keys(), telemetry, closer)

    def answer(caller: Caller, text: str) -> Reply | None:
        head = Head()
        kind: type[Request] | None = None
        try:
            try:
                check_size(text)
                request = decoder.decode(text)
            except LingocastError as malformed:
                if isinstance(malformed, MalformedRequestError):
                    head = malformed.head
                else:
                    head = head_of(text)
                guard.admit(caller, None)
                raise
            kind = type(request)
            head = Head(action_of(kind), request.request_id)
            guard.admit(caller, kind)
            reply = services[kind](admit(caller, request), request)
        except Exception as error:  # noqa: BLE001 - the boundary: answer, never raise
            failure = to_client_error(error, telemetry, action=head.action)
            closed = guard.refused(caller, kind, failure, lambda: encode(_farewell(head)))
            return None if closed else _envelope(failure, head)
        guard.served(caller, kind)
        if reply is None or request.request_id is None:
            return reply
        return msgspec.structs.replace(reply, request_id=request.request_id)

    def handler(event: Event, _context: object) -> Result:
        caller = caller_of(event)
        if guard.is_closed(caller):
            return {"statusCode": 200}
        reply = answer(caller, event.get("body") or "")
        telemetry.flush()
        if reply is None:
            return {"statusCode": 200}
        body = encode(reply)
        if push_error is not None:
            push_error(caller, body)
            return {"statusCode": 200}
        return {"statusCode": 200, "body": body.decode()}

    return handler


def lifecycle_handler(
    service: Callable[[Caller], object], *, telemetry: Telemetry
) -> LambdaHandler:
    """A Lambda handler for $connect and $disconnect. Of $connect, the status is the handshake's."""

    def handler(event: Event, _context: object) -> Result:
        try:
            service(caller_of(event))
        except LingocastError as error:
            telemetry.warn("connection event failed", code=error.code, cause=repr(error.__cause__))
            return {"statusCode": CATALOGUE[error.code].status}
        finally:
            telemetry.flush()
        return {"statusCode": 200}

    return handler


def _envelope(error: LingocastError, head: Head) -> ErrorMessage:
    kind = CATALOGUE[error.code]
    return ErrorMessage(
        status=kind.status,
        code=error.code,
        message=error.message,
        retryable=kind.retryable,
        action=head.action,
        request_id=head.request_id,
    )


def _farewell(head: Head) -> ErrorMessage:
    """The message sent to a connection just before it is closed."""
    message = "too many requests that cannot be served; the connection is closed"
    return _envelope(LingocastError(ErrorCode.RATE_LIMITED, message), head)
