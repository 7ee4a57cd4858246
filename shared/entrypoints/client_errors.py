"""Maps exceptions of services to the errors that clients see."""

from __future__ import annotations

from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.utils.telemetry import Telemetry


def to_client_error(
    error: Exception, telemetry: Telemetry, *, action: str | None
) -> LingocastError:
    """The error for the client; to be called while `error` is handled, so that its trace is logged.

    What nobody foresaw becomes INTERNAL, without a word of it.
    """
    if isinstance(error, LingocastError):
        if CATALOGUE[error.code].status >= 500:
            telemetry.warn("request refused", code=error.code, cause=repr(error.__cause__))
        return error
    telemetry.fault("request failed", action=action)
    telemetry.count("InternalErrors")
    return LingocastError(ErrorCode.INTERNAL, "a fault of the service; try again")
