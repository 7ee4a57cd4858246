"""Storage errors."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from shared.models.errors import ErrorCode, LingocastError

# Statuses that say that nothing was done.
_REFUSALS = range(400, 500)


class StoreUnavailableError(LingocastError):
    """The database or the queue refuses or cannot be reached; the client may try again.

    `uncertain` if a write may have been applied all the same.
    """

    def __init__(self, cause: str, *, uncertain: bool = False) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, "the service is busy; try again in a moment")
        self.cause = cause
        self.uncertain = uncertain


def is_retried(error: ClientError) -> bool:
    """Whether the client library has tried before, with a result that nobody knows."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def unavailable(operation: str, error: BotoCoreError | ClientError) -> StoreUnavailableError:
    """The failure of an operation, told without what it was about."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return StoreUnavailableError(
            f"{operation}: {error.response.get('Error', {}).get('Code', '')}",
            uncertain=status not in _REFUSALS or is_retried(error),
        )
    return StoreUnavailableError(f"{operation}: {type(error).__name__}", uncertain=True)
