"""What the database is asked, counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.helpers.database.tables import dynamodb


class CountingClient:
    """A client that counts its requests. Made once there is a database."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._client = dynamodb()

    def __getattr__(self, operation: str) -> Any:
        self.requests[operation] += 1
        return getattr(self._client, operation)
