"""Storage errors."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from shared.models.errors import ErrorCode, LingocastError

# Codes of requests that DynamoDB throttles:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
THROTTLING = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
# DynamoDB counts a partition's requests by the second.
_THROTTLED_MS = 1_000
# HTTP statuses of requests that were not applied.
_REFUSALS = range(400, 500)


class StoreUnavailableError(LingocastError):
    """An AWS service refused a request or was unreachable. The client may retry.

    `cause` is for logs. `uncertain` means that a write may have been applied nevertheless.
    """

    def __init__(
        self, cause: str, *, uncertain: bool = False, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(
            ErrorCode.UNAVAILABLE,
            "the service is busy; try again in a moment",
            retry_after_ms=retry_after_ms,
        )
        self.cause = cause
        self.uncertain = uncertain


def is_retried(error: ClientError) -> bool:
    """Whether botocore has retried, so that an earlier attempt may have been applied."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def unavailable(operation: str, error: BotoCoreError | ClientError) -> StoreUnavailableError:
    """Convert a failure of `operation`, without the request's values."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error.response.get("Error", {}).get("Code", "")
        return StoreUnavailableError(
            f"{operation}: {code}",
            uncertain=status not in _REFUSALS or is_retried(error),
            retry_after_ms=_THROTTLED_MS if code in THROTTLING else None,
        )
    return StoreUnavailableError(f"{operation}: {type(error).__name__}", uncertain=True)
