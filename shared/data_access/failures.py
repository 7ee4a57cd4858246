"""What the services behind the repositories do when they do not do what they are asked."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from shared.models.errors import ErrorCode, LingocastError


class StoreUnavailableError(LingocastError):
    """The database or the queue refuses or cannot be reached; the client may try again."""

    def __init__(self, cause: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, "the service is busy; try again in a moment")
        self.cause = cause


def unavailable(operation: str, error: BotoCoreError | ClientError) -> StoreUnavailableError:
    """The failure of an operation, told without what it was about."""
    if isinstance(error, ClientError):
        return StoreUnavailableError(
            f"{operation}: {error.response.get('Error', {}).get('Code', '')}"
        )
    return StoreUnavailableError(f"{operation}: {type(error).__name__}")
