"""Rows whose time to live is over end in the local database, as they do in AWS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.iam.credentials import LocalCredentials
from local.services.database import Database
from local.services.dynamodb_calls import DatabaseError, DynamoDbCalls
from local.services.expiry import Expiry
from local.template.model import AwsEnvironment, KeyAttribute, Table
from tests.helpers.virtual_time import T0, VirtualTime

NOW = T0 // 1000
REGION = AwsEnvironment().region


def _table(name: str, expires_at: str | None) -> Table:
    keys = (KeyAttribute("id", "HASH"), KeyAttribute("at", "RANGE"))
    return Table(name, keys, {"id": "S", "at": "N"}, (), expires_at)


KEPT, EXPIRING = _table("kept", None), _table("expiring", "expires")


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[DynamoDbCalls]:
    database = await Database.start(tmp_path / "tables", tmp_path, report=lambda line: None)
    await database.create([KEPT, EXPIRING], REGION, LocalCredentials())
    made = DynamoDbCalls(database.port, REGION, LocalCredentials())
    yield made
    made.close()
    await database.stop()


async def _put(calls: DynamoDbCalls, table: Table, name: str, expires: object) -> None:
    item = {"id": {"S": name}, "at": {"N": "1"}, "expires": expires}
    await calls.call("PutItem", {"TableName": table.name, "Item": item})


async def _names(calls: DynamoDbCalls, table: Table) -> set[str]:
    found = await calls.call("Scan", {"TableName": table.name})
    return {item["id"]["S"] for item in found["Items"]}


async def test_rows_end_when_their_time_is_over(calls: DynamoDbCalls) -> None:
    await _put(calls, EXPIRING, "over", {"N": str(NOW - 1)})
    await _put(calls, EXPIRING, "now", {"N": str(NOW)})
    await _put(calls, EXPIRING, "later", {"N": str(NOW + 1)})
    await _put(calls, EXPIRING, "in ms", {"N": str(T0)})
    await _put(calls, EXPIRING, "six years ago", {"N": str(NOW - 6 * 365 * 86_400)})
    await _put(calls, EXPIRING, "no number", {"S": str(NOW - 1)})
    await _put(calls, KEPT, "over", {"N": str(NOW - 1)})

    assert await Expiry([KEPT, EXPIRING], calls, VirtualTime()).sweep() == 1

    kept = {"now", "later", "in ms", "six years ago", "no number"}
    assert await _names(calls, EXPIRING) == kept
    assert await _names(calls, KEPT) == {"over"}


async def test_more_rows_than_a_page_end_in_one_sweep(calls: DynamoDbCalls) -> None:
    for number in range(450):
        await _put(calls, EXPIRING, f"row{number}", {"N": str(NOW - 1 - number)})
    assert await Expiry([EXPIRING], calls, VirtualTime()).sweep() == 450
    assert await _names(calls, EXPIRING) == set()


async def test_a_row_that_is_given_more_time_meanwhile_stays(calls: DynamoDbCalls) -> None:
    await _put(calls, EXPIRING, "over", {"N": str(NOW - 1)})

    class Meanwhile:
        async def call(self, operation: str, content: Any) -> dict[str, Any]:
            found = await calls.call(operation, content)
            if operation == "Scan":
                await _put(calls, EXPIRING, "over", {"N": str(NOW + 60)})
            return found

    assert await Expiry([EXPIRING], Meanwhile(), VirtualTime()).sweep() == 0
    assert await _names(calls, EXPIRING) == {"over"}


async def test_it_sweeps_every_minute_and_survives_an_outage() -> None:
    time, asked = VirtualTime(), list[float]()

    class Away:
        async def call(self, operation: str, content: Any) -> dict[str, Any]:
            asked.append(time.monotonic())
            raise DatabaseError("away")

    expiry = Expiry([EXPIRING], Away(), time, time.sleep)
    expiry.start()
    await time.advance(185)
    await expiry.stop()
    assert asked == [60, 120, 180]
    await asyncio.sleep(0)
