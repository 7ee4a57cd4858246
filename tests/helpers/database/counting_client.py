"""DynamoDB client that counts its requests."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.helpers.database.tables import dynamodb


class CountingClient:
    """Passes all requests on to the database in use. Create it after the tables."""

    def __init__(self) -> None:
        #: Requests by operation.
        self.requests: Counter[str] = Counter()
        self._client = dynamodb()

    def __getattr__(self, operation: str) -> Any:
        request = getattr(self._client, operation)
        self.requests[operation] += 1
        return request
