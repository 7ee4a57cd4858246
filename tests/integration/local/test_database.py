"""The local DynamoDB keeps every item: in indexes, where unpatched dynalite loses some, and when
its process is killed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from local.iam.credentials import LocalCredentials
from local.services.database import Database
from local.template.model import AwsEnvironment, Index, KeyAttribute, Table
from tests.integration.local.support import eventually

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
    """The table, called from threads so that the event loop can supervise the process."""

    def __init__(self, port: int) -> None:
        credentials = LocalCredentials()
        self._client = boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=AwsEnvironment().region,
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
def reported() -> list[str]:
    """The lines that the stack would print."""
    return []


@pytest.fixture
async def database(tmp_path: Path, reported: list[str]) -> AsyncIterator[Database]:
    folder = tmp_path / "tables"
    delays = (0.01, 0.02, 0.04)
    running = await Database.start(folder, tmp_path, report=reported.append, restart_delays=delays)
    try:
        await running.create_tables([TABLE], AwsEnvironment().region, LocalCredentials())
        yield running
    finally:
        await running.stop()


@pytest.fixture
def people(database: Database) -> People:
    return People(database.port)


def dynalites() -> list[psutil.Process]:
    """The running dynalite processes of this test."""
    found = []
    for child in psutil.Process().children():
        # The process can end at any moment.
        with suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            if child.status() != psutil.STATUS_ZOMBIE and "dynalite" in command:
                found.append(child)
    return found


def twins() -> tuple[str, str]:
    """Two keys that unpatched dynalite mixes up: their hashes start with the same 24 bits."""
    seen: dict[str, str] = {}
    for number in range(1_000_000):
        name = f"n{number}"
        mark = hashlib.md5(b"Outliers" + name.encode()).hexdigest()[:6]
        if mark in seen:
            return seen[mark], name
        seen[mark] = name
    raise AssertionError("no such keys")


async def test_items_with_colliding_hashes_are_both_kept(people: People) -> None:
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


async def test_a_killed_database_restarts_at_its_port_with_its_data(
    people: People, reported: list[str]
) -> None:
    for name in ("ana", "bo", "cy"):
        await people.seat(name)
    await people.remove("bo")

    dynalites()[0].kill()
    await eventually(lambda: len(reported) == 2)

    assert "ended with signal 9; restarting it in 0.01 s" in reported[0]
    assert "is back" in reported[1]
    assert await people.found() == {"ana", "cy"}
    await people.seat("bo", "b")
    assert await people.found("b") == {"bo"}


async def test_the_stack_gives_up_after_the_last_restart_delay(
    database: Database, reported: list[str]
) -> None:
    failed = asyncio.ensure_future(database.failed())
    while not failed.done():
        for process in dynalites():
            process.kill()
        await asyncio.sleep(0.01)

    assert "giving up" in await failed
    endings = [line for line in reported if "restarting it" in line]
    assert [line.rpartition(" in ")[2] for line in endings] == ["0.01 s", "0.02 s", "0.04 s"]


async def test_a_stopped_database_is_not_restarted(database: Database, reported: list[str]) -> None:
    await database.stop()

    assert dynalites() == []
    assert reported == []


async def test_a_client_that_disconnects_mid_request_does_no_harm(
    database: Database, people: People, reported: list[str]
) -> None:
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", database.port)
        head = "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\nthe first half".encode())
        await writer.drain()
        writer.transport.abort()

    await people.seat("ana")
    assert await people.found() == {"ana"}
    assert reported == []
