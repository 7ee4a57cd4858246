"""The local DynamoDB keeps every item of an index, also where dynalite by itself loses some."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.credentials import LocalCredentials
from local.database import Database
from local.model import Index, KeyAttribute, Place, Table

TABLE = Table(
    name="people",
    keys=(KeyAttribute("id", "HASH"),),
    attributes={"id": "S", "room": "S", "seat": "S"},
    indexes=(
        Index(
            "by-room", (KeyAttribute("room", "HASH"), KeyAttribute("seat", "RANGE")), "KEYS_ONLY"
        ),
    ),
)


class People:
    """The table, without blocking the loop that watches over the database's process."""

    def __init__(self, port: int) -> None:
        credentials = LocalCredentials()
        self._client = boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=Place().region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
        )

    async def seat(self, name: str, seat: str = "a") -> None:
        item = {"id": {"S": name}, "room": {"S": "r"}, "seat": {"S": seat}}
        await asyncio.to_thread(self._client.put_item, TableName="people", Item=item)

    async def remove(self, name: str) -> None:
        await asyncio.to_thread(
            self._client.delete_item, TableName="people", Key={"id": {"S": name}}
        )

    async def found(self, seat: str = "a") -> set[str]:
        def query() -> list[dict[str, Any]]:
            answer: Any = self._client.query(
                TableName="people",
                IndexName="by-room",
                KeyConditionExpression="room = :r AND seat = :s",
                ExpressionAttributeValues={":r": {"S": "r"}, ":s": {"S": seat}},
            )
            items: list[dict[str, Any]] = answer["Items"]
            return items

        return {item["id"]["S"] for item in await asyncio.to_thread(query)}


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    database = await Database.start(tmp_path)
    try:
        await database.create([TABLE], Place().region, LocalCredentials())
        yield People(database.port)
    finally:
        await database.stop()


def twins() -> tuple[str, str]:
    """Two keys that dynalite takes for one: alike in 24 bits of its hash."""
    seen: dict[str, str] = {}
    for number in range(1_000_000):
        name = f"n{number}"
        mark = hashlib.md5(b"Outliers" + name.encode()).hexdigest()[:6]
        if mark in seen:
            return seen[mark], name
        seen[mark] = name
    raise AssertionError("no two keys are alike")


async def test_items_whose_hashes_begin_alike_are_both_kept(people: People) -> None:
    first, second = twins()

    await people.seat(first)
    await people.seat(second)
    assert await people.found() == {first, second}

    await people.remove(first)
    assert await people.found() == {second}


async def test_index_follows_every_change(people: People) -> None:
    names = [f"p{number}" for number in range(60)]
    await asyncio.gather(*(people.seat(name) for name in names))
    await asyncio.gather(*(people.seat(name, "b") for name in names[::3]))
    await asyncio.gather(*(people.remove(name) for name in names[::2]))

    assert await people.found("b") == set(names[::3]) - set(names[::2])
    assert await people.found("a") == set(names) - set(names[::2]) - set(names[::3])
