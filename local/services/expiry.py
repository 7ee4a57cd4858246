"""Deletes expired rows as DynamoDB's TTL does: late, and in small portions.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from local.services.dynamodb_client import DatabaseError
from local.template.model import Table
from shared.utils.clock import Clock

# Between two sweeps. AWS takes up to days, and functions must not rely on the time.
_PERIOD_SECONDS = 60.0
# dynalite reads a page without a break; a sweep must not block it for long.
_PAGE_ITEMS = 200
_MAX_PAGES = 100
# DynamoDB keeps rows that expired more than five years ago.
_OLDEST_SECONDS = 5 * 365 * 24 * 3_600

_EXPIRED = "#e < :now AND #e > :oldest"
_CONDITION_FAILED = "ConditionalCheckFailedException"

Sleep = Callable[[float], Awaitable[object]]


class Client(Protocol):
    """A DynamoDB client."""

    async def call(self, operation: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation and return its result. Raises DatabaseError."""


class Expiry:
    """Sweeps the tables with a time to live, one after the other."""

    def __init__(
        self,
        tables: Sequence[Table],
        client: Client,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._tables = [table for table in tables if table.expires_at is not None]
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start periodic sweeps."""
        if self._tables:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Delete expired rows; returns their number. Raises DatabaseError."""
        return sum([await self._sweep(table) for table in self._tables])

    async def _run(self) -> None:
        while True:
            await self._sleep(_PERIOD_SECONDS)
            try:
                await self.sweep()
            except DatabaseError:
                continue  # the database is away; the next sweep finds the same rows

    async def _sweep(self, table: Table) -> int:
        requests = _Requests(table, self._clock.now_ms() // 1000)
        deleted, start = 0, None
        for _ in range(_MAX_PAGES):
            page = await self._client.call("Scan", requests.scan(start))
            for key in page["Items"]:
                deleted += await self._delete(requests.delete(key))
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return deleted

    async def _delete(self, request: Mapping[str, Any]) -> bool:
        try:
            await self._client.call("DeleteItem", request)
        except DatabaseError as error:
            if error.kind != _CONDITION_FAILED:
                raise
            return False  # its time to live was extended meanwhile
        return True


class _Requests:
    """Requests for the rows of a table that have expired at `now` (s since the epoch)."""

    def __init__(self, table: Table, now: int) -> None:
        self._table = table
        self._names = {"#e": table.expires_at}
        self._values = {":now": {"N": str(now)}, ":oldest": {"N": str(now - _OLDEST_SECONDS)}}

    def scan(self, start: object) -> dict[str, Any]:
        """A page of keys after `start`."""
        keys = {f"#k{number}": key.name for number, key in enumerate(self._table.keys)}
        request = {
            "TableName": self._table.name,
            "Limit": _PAGE_ITEMS,
            "FilterExpression": _EXPIRED,
            "ProjectionExpression": ", ".join(keys),
            "ExpressionAttributeNames": {**self._names, **keys},
            "ExpressionAttributeValues": self._values,
        }
        return request if start is None else {**request, "ExclusiveStartKey": start}

    def delete(self, key: object) -> dict[str, Any]:
        """Delete one row if it is still expired."""
        return {
            "TableName": self._table.name,
            "Key": key,
            "ConditionExpression": _EXPIRED,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }
