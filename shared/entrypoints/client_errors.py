"""Maps exceptions of services to the errors that clients see."""

from __future__ import annotations

from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.utils.telemetry import Telemetry


def to_client_error(
    error: Exception, telemetry: Telemetry, *, action: str | None
) -> LingocastError:
    """The error that the client gets.

    Call it in an `except` block, so that the trace is logged. Unexpected errors become
    INTERNAL, without detail.
    """
    if isinstance(error, LingocastError):
        if CATALOGUE[error.code].status >= 500:
            telemetry.warn("request refused", code=error.code, cause=repr(error.__cause__))
        return error
    telemetry.fault("request failed", action=action)
    telemetry.count("InternalErrors")
    return LingocastError(ErrorCode.INTERNAL, "a fault of the service; try again")
