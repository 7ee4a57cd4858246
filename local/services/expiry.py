"""Deletes rows whose time to live is over, as DynamoDB does: late, and not all at once.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from local.services.dynamodb_calls import DatabaseError
from local.template.model import Table
from shared.utils.clock import Clock

# Between two sweeps. AWS takes days at most, and functions must not rely on any of it.
_PERIOD_SECONDS = 60.0
# A page is read without a pause of the database, and a sweep shall not keep it busy for long.
_PAGE_ITEMS = 200
_MOST_PAGES = 100
# What expired longer ago than five years is kept, says the guide.
_OLDEST_SECONDS = 5 * 365 * 24 * 3_600

_OVER = "#e < :now AND #e > :oldest"
_CONDITION_FAILED = "ConditionalCheckFailedException"

Sleep = Callable[[float], Awaitable[object]]


class Calls(Protocol):
    """Operations of a DynamoDB."""

    async def call(self, operation: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's result. Raises DatabaseError."""


class Expiry:
    """Sweeps the tables that have such an attribute, one after the other."""

    def __init__(
        self,
        tables: Sequence[Table],
        calls: Calls,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._tables = [table for table in tables if table.expires_at is not None]
        self._calls = calls
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep now and then, from now on."""
        if self._tables:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sweep no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Delete what is over by now; returns how many rows. Raises DatabaseError."""
        return sum([await self._sweep(table) for table in self._tables])

    async def _run(self) -> None:
        while True:
            await self._sleep(_PERIOD_SECONDS)
            try:
                await self.sweep()
            except DatabaseError:
                continue  # it is away, and comes back; the next sweep finds what this one did not

    async def _sweep(self, table: Table) -> int:
        over = _Over(table, self._clock.now_ms() // 1000)
        deleted, start = 0, None
        for _ in range(_MOST_PAGES):
            page = await self._calls.call("Scan", over.scan(start))
            for key in page["Items"]:
                deleted += await self._delete(over.delete(key))
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return deleted

    async def _delete(self, request: Mapping[str, Any]) -> bool:
        try:
            await self._calls.call("DeleteItem", request)
        except DatabaseError as refused:
            if refused.kind != _CONDITION_FAILED:
                raise
            return False  # it was given more time meanwhile
        return True


class _Over:
    """Requests for the rows of a table whose time is over at `now` (s since the epoch)."""

    def __init__(self, table: Table, now: int) -> None:
        self._table = table
        self._names = {"#e": table.expires_at}
        self._values = {":now": {"N": str(now)}, ":oldest": {"N": str(now - _OLDEST_SECONDS)}}

    def scan(self, start: object) -> dict[str, Any]:
        """A page of their keys, after `start`."""
        keys = {f"#k{number}": key.name for number, key in enumerate(self._table.keys)}
        request = {
            "TableName": self._table.name,
            "Limit": _PAGE_ITEMS,
            "FilterExpression": _OVER,
            "ProjectionExpression": ", ".join(keys),
            "ExpressionAttributeNames": {**self._names, **keys},
            "ExpressionAttributeValues": self._values,
        }
        return request if start is None else {**request, "ExclusiveStartKey": start}

    def delete(self, key: object) -> dict[str, Any]:
        """The end of one, if its time is over still."""
        return {
            "TableName": self._table.name,
            "Key": key,
            "ConditionExpression": _OVER,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }
