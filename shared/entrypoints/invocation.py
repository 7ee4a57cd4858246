"""Handlers that other AWS services and functions invoke."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from shared.entrypoints.request_decoder import readable_fault
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.utils.telemetry import Telemetry

# The remaining time if the context does not know it.
_ASSUMED_MS = 10_000

InvocationHandler = Callable[[Mapping[str, Any], object], Mapping[str, Any]]
RequestType = TypeVar("RequestType", bound=msgspec.Struct)


def invocation_handler(
    request_type: type[RequestType],
    service: Callable[[RequestType], object],
    *,
    telemetry: Telemetry,
) -> InvocationHandler:
    """A Lambda handler for synchronous invocations with a payload of `request_type`.

    The invoker gets {"result": ...}, or {"error": {status, code, message, retryable}} with the
    catalogue's entry. Unexpected errors are raised, for Lambda's own retries and alarms.
    """

    def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        try:
            result = service(_decoded(event, request_type))
        except LingocastError as error:
            kind = CATALOGUE[error.code]
            return {
                "error": {
                    "status": kind.status,
                    "code": error.code.value,
                    "message": error.message,
                    "retryable": kind.retryable,
                }
            }
        finally:
            telemetry.flush()
        return {"result": msgspec.to_builtins(result)}

    return handler


def event_handler(
    request_type: type[RequestType],
    service: Callable[[RequestType], object],
    *,
    telemetry: Telemetry,
) -> InvocationHandler:
    """A Lambda handler for asynchronous invocations.

    Nobody waits for the result, so all errors are raised, for Lambda's own retries.
    """

    def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        try:
            service(_decoded(event, request_type))
        finally:
            telemetry.flush()
        return {}

    return handler


def timed_event_handler(
    request_type: type[RequestType],
    service: Callable[[RequestType, float], object],
    *,
    telemetry: Telemetry,
) -> InvocationHandler:
    """As `event_handler`; the service also gets the remaining time (s)."""

    def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        try:
            service(_decoded(event, request_type), remaining_ms(context) / 1000)
        finally:
            telemetry.flush()
        return {}

    return handler


def tick_handler(service: Callable[[], object], *, telemetry: Telemetry) -> InvocationHandler:
    """A Lambda handler for a rule whose events carry no information.

    Errors are raised, for Lambda's own retries and alarms.
    """

    def handler(_event: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
        try:
            service()
        finally:
            telemetry.flush()
        return {}

    return handler


def remaining_ms(context: object) -> int:
    """The remaining time of the invocation (ms)."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return int(remaining()) if remaining is not None else _ASSUMED_MS


def _decoded(event: Mapping[str, Any], request_type: type[RequestType]) -> RequestType:
    try:
        return msgspec.convert(event, request_type)
    except msgspec.ValidationError as error:
        raise LingocastError(
            ErrorCode.INVALID_MESSAGE, readable_fault(error, [request_type])
        ) from error
