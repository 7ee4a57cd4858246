"""Storage errors."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from shared.models.errors import ErrorCode, LingocastError

# HTTP statuses of requests that were not applied.
_REFUSALS = range(400, 500)


class StoreUnavailableError(LingocastError):
    """An AWS service refused a request or was unreachable. The client may retry.

    `cause` is for logs. `uncertain` means that a write may have been applied nevertheless.
    """

    def __init__(self, cause: str, *, uncertain: bool = False) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, "the service is busy; try again in a moment")
        self.cause = cause
        self.uncertain = uncertain


def is_retried(error: ClientError) -> bool:
    """Whether botocore has retried, so that an earlier attempt may have been applied."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def unavailable(operation: str, error: BotoCoreError | ClientError) -> StoreUnavailableError:
    """Convert a failure of `operation`, without the request's values."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return StoreUnavailableError(
            f"{operation}: {error.response.get('Error', {}).get('Code', '')}",
            uncertain=status not in _REFUSALS or is_retried(error),
        )
    return StoreUnavailableError(f"{operation}: {type(error).__name__}", uncertain=True)
