"""Handlers of the WebSocket API: decode a request, call one service, reply.

API Gateway always gets `{"statusCode": 200}`, with the reply or error as body if the route has a
response. What it does with other statuses of message routes is not well documented, and an
exception would reach the client as a message outside the protocol.
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
# Each service method takes its own request type.
Service = Callable[[Caller, Any], Reply | None]
# Returns the caller with the rights that its token has now; raises LingocastError.
RightsCheck = Callable[[Caller, Request], Caller]


def message_handler(
    services: Mapping[type[Request], Service],
    *,
    check_size: Callable[[str], None],
    telemetry: Telemetry,
    push_error: Callable[[Caller, bytes], None] | None = None,
    admit: RightsCheck = lambda caller, request: caller,
    closer: Closer | None = None,
) -> LambdaHandler:
    """A Lambda handler for message routes.

    `services` maps request types to service methods. `check_size` refuses oversized texts before
    they are parsed. `push_error` sends errors on routes without a response. `admit` checks the
    caller's rights before the service is called. Budgets (`shared.admission.budgets`) come first;
    `closer` closes connections that keep exceeding theirs.
    """
    decoder = RequestDecoder(services)
    admission = RequestAdmission(services.keys(), telemetry, closer)

    def answer(caller: Caller, text: str) -> Reply | None:
        head = Head()
        request_type: type[Request] | None = None
        try:
            try:
                check_size(text)
                request = decoder.decode(text)
            except LingocastError as malformed:
                if isinstance(malformed, MalformedRequestError):
                    head = malformed.head
                else:
                    head = head_of(text)
                admission.admit(caller, None)
                raise
            request_type = type(request)
            head = Head(action_of(request_type), request.request_id)
            admission.admit(caller, request_type)
            reply = services[request_type](admit(caller, request), request)
        except Exception as error:  # noqa: BLE001 - the boundary: answer, never raise
            failure = to_client_error(error, telemetry, action=head.action)
            closed = admission.record_refusal(
                caller, request_type, failure, lambda: encode(_last_error(head))
            )
            return None if closed else _envelope(failure, head)
        admission.record_success(caller, request_type)
        if reply is None or request.request_id is None:
            return reply
        return msgspec.structs.replace(reply, request_id=request.request_id)

    def handler(event: Event, _context: object) -> Result:
        caller = caller_of(event)
        if admission.is_closed(caller):
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
    """A Lambda handler for $connect and $disconnect.

    The status for $connect becomes the handshake's.
    """

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
        retry_after_ms=error.retry_after_ms,
        action=head.action,
        request_id=head.request_id,
    )


def _last_error(head: Head) -> ErrorMessage:
    """The message sent to a connection just before it is closed."""
    message = "too many requests that cannot be served; the connection is closed"
    return _envelope(LingocastError(ErrorCode.RATE_LIMITED, message), head)
