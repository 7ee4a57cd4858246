"""The decorator of handlers that other AWS services and functions invoke, not clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from shared.entrypoints.request_decoder import readable_fault
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.utils.telemetry import Telemetry

# Where nobody says how much time is left.
_ASSUMED_MS = 10_000

InvocationHandler = Callable[[Mapping[str, Any], object], Mapping[str, Any]]
RequestType = TypeVar("RequestType", bound=msgspec.Struct)


def invocation_handler(
    request_type: type[RequestType],
    service: Callable[[RequestType], object],
    *,
    telemetry: Telemetry,
) -> InvocationHandler:
    """A Lambda handler that takes a payload of `request_type` and returns the service's result.

    The invoker gets {"result": ...}, or {"error": {status, code, message, retryable}} with the
    catalogue's entry. Anything unforeseen is raised, for Lambda's own retries and alarms.
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
    """A Lambda handler for asynchronous invocations: nobody hears what comes of them, so whatever
    fails is raised, for Lambda's own retries.
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
    """As `event_handler`, for a service that works as long as Lambda lets it: it is told how much
    of the function's time is left (s).
    """

    def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        try:
            service(_decoded(event, request_type), remaining_ms(context) / 1000)
        finally:
            telemetry.flush()
        return {}

    return handler


def tick_handler(service: Callable[[], object], *, telemetry: Telemetry) -> InvocationHandler:
    """A Lambda handler for a rule's events: that one came is all that they say.

    What `service` raises is raised, for Lambda's own retries and alarms.
    """

    def handler(_event: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
        try:
            service()
        finally:
            telemetry.flush()
        return {}

    return handler


def remaining_ms(context: object) -> int:
    """How much of the function's time is left."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return int(remaining()) if remaining is not None else _ASSUMED_MS


def _decoded(event: Mapping[str, Any], request_type: type[RequestType]) -> RequestType:
    try:
        return msgspec.convert(event, request_type)
    except msgspec.ValidationError as error:
        raise LingocastError(
            ErrorCode.INVALID_MESSAGE, readable_fault(error, [request_type])
        ) from error
