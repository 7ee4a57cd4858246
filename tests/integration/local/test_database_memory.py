"""The local database closes the iterators of finished queries and scans."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.http.client import Upstream
from local.http.messages import Request
from local.iam.credentials import LocalCredentials
from local.services.database import Database
from local.services.dynamodb_client import DynamoDbClient
from local.template.model import AwsEnvironment
from tests.integration.local.test_database import TABLE

ROOM = {":r": {"S": "r"}}
QUERY = {
    "TableName": TABLE.name,
    "IndexName": TABLE.indexes[0].name,
    "KeyConditionExpression": "room = :r",
    "ExpressionAttributeValues": ROOM,
}
_PATIENCE_SECONDS = 20


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    running = await Database.start(tmp_path / "tables", tmp_path, report=lambda line: None)
    await running.create_tables([TABLE], AwsEnvironment().region, LocalCredentials())
    yield running
    await running.stop()


async def _open_iterators(database: Database) -> int:
    upstream = Upstream(database.port, 5)
    try:
        answer = await upstream.forward(Request("GET", "/_iterators", [(b"host", b"x")], b""))
    finally:
        upstream.close()
    return int(json.loads(answer.body))


@pytest.mark.parametrize(
    ("operation", "content"),
    [
        ("Query", QUERY),
        ("Query", {**QUERY, "Limit": 2}),
        ("Scan", {"TableName": TABLE.name}),
        ("Scan", {"TableName": TABLE.name, "Limit": 2}),
    ],
)
async def test_no_iterator_is_left_open(
    database: Database, operation: str, content: dict[str, object]
) -> None:
    client = DynamoDbClient(database.port, AwsEnvironment().region, LocalCredentials())
    try:
        for number in range(5):
            item = {"id": {"S": f"p{number}"}, "room": {"S": "r"}, "seat": {"S": "a"}}
            await client.call("PutItem", {"TableName": TABLE.name, "Item": item})
        for _ in range(20):
            assert (await client.call(operation, content))["Count"] > 0
    finally:
        client.close()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await _open_iterators(database):  # noqa: ASYNC110 - the iterators are in another process
            await asyncio.sleep(0.01)
