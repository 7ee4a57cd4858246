"""Expiry of rows in the local database, compared with DynamoDB's TTL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.iam.credentials import LocalCredentials
from local.services.database import Database
from local.services.dynamodb_client import DatabaseError, DynamoDbClient
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
async def client(tmp_path: Path) -> AsyncIterator[DynamoDbClient]:
    database = await Database.start(tmp_path / "tables", tmp_path, report=lambda line: None)
    await database.create_tables([KEPT, EXPIRING], REGION, LocalCredentials())
    made = DynamoDbClient(database.port, REGION, LocalCredentials())
    yield made
    made.close()
    await database.stop()


async def _put(client: DynamoDbClient, table: Table, name: str, expires: object) -> None:
    item = {"id": {"S": name}, "at": {"N": "1"}, "expires": expires}
    await client.call("PutItem", {"TableName": table.name, "Item": item})


async def _names(client: DynamoDbClient, table: Table) -> set[str]:
    found = await client.call("Scan", {"TableName": table.name})
    return {item["id"]["S"] for item in found["Items"]}


async def test_only_expired_rows_are_deleted(client: DynamoDbClient) -> None:
    await _put(client, EXPIRING, "over", {"N": str(NOW - 1)})
    await _put(client, EXPIRING, "now", {"N": str(NOW)})
    await _put(client, EXPIRING, "later", {"N": str(NOW + 1)})
    await _put(client, EXPIRING, "in ms", {"N": str(T0)})
    await _put(client, EXPIRING, "six years ago", {"N": str(NOW - 6 * 365 * 86_400)})
    await _put(client, EXPIRING, "no number", {"S": str(NOW - 1)})
    await _put(client, KEPT, "over", {"N": str(NOW - 1)})

    assert await Expiry([KEPT, EXPIRING], client, VirtualTime()).sweep() == 1

    kept = {"now", "later", "in ms", "six years ago", "no number"}
    assert await _names(client, EXPIRING) == kept
    assert await _names(client, KEPT) == {"over"}


async def test_one_sweep_deletes_several_pages(client: DynamoDbClient) -> None:
    for number in range(450):
        await _put(client, EXPIRING, f"row{number}", {"N": str(NOW - 1 - number)})
    assert await Expiry([EXPIRING], client, VirtualTime()).sweep() == 450
    assert await _names(client, EXPIRING) == set()


async def test_a_row_whose_time_is_extended_during_the_sweep_stays(client: DynamoDbClient) -> None:
    await _put(client, EXPIRING, "over", {"N": str(NOW - 1)})

    class Extending:
        async def call(self, operation: str, content: Any) -> dict[str, Any]:
            found = await client.call(operation, content)
            if operation == "Scan":
                await _put(client, EXPIRING, "over", {"N": str(NOW + 60)})
            return found

    assert await Expiry([EXPIRING], Extending(), VirtualTime()).sweep() == 0
    assert await _names(client, EXPIRING) == {"over"}


async def test_it_sweeps_every_minute_and_survives_an_outage() -> None:
    time, attempts = VirtualTime(), list[float]()

    class Away:
        async def call(self, operation: str, content: Any) -> dict[str, Any]:
            attempts.append(time.monotonic())
            raise DatabaseError("away")

    expiry = Expiry([EXPIRING], Away(), time, time.sleep)
    expiry.start()
    await time.advance(185)
    await expiry.stop()
    assert attempts == [60, 120, 180]
    await asyncio.sleep(0)
