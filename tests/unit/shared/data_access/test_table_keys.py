"""Tables with a sort key, and upserts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema
from tests.helpers.database.tables import ANNOUNCEMENTS, DEVICES, dynamodb, moto_tables


@pytest.fixture
def devices() -> Iterator[Table]:
    with moto_tables():
        key = (schema.USER_ID, schema.DEVICE_ITEM)
        yield Table(dynamodb(), DEVICES, key)


@pytest.fixture
def announcements() -> Iterator[Table]:
    with moto_tables():
        yield Table(dynamodb(), ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)


def row(user: str, item: str, **more: object) -> dict[str, object]:
    return {"userId": user, "item": item, **more}


def test_a_row_is_found_by_partition_and_sort_key(devices: Table) -> None:
    devices.put_new(row("alice", "a", n=1))
    devices.put_new(row("alice", "b", n=2))

    assert devices.get(("alice", "a")) == row("alice", "a", n=1)
    assert devices.get(("bob", "a")) is None
    keys = [("alice", "a"), ("alice", "b"), ("bob", "b")]
    assert len(devices.batch_get(keys)) == 2
    with pytest.raises(ConditionFailedError):
        devices.put_new(row("alice", "a"))


def test_put_replaces_a_row_and_returns_the_old_one(devices: Table) -> None:
    assert devices.put(row("alice", "a", n=1)) is None
    assert devices.put(row("alice", "a", m=None, n=2)) == row("alice", "a", n=1)
    assert devices.delete(("alice", "a")) == row("alice", "a", n=2)


def test_a_conditional_put_replaces_a_row(devices: Table) -> None:
    def put(number: int) -> object:
        return devices.put_if(
            row("alice", "a", n=number),
            condition="attribute_not_exists(#n) OR #n < :n",
            names={"#n": "n"},
            values={":n": number},
        )

    assert put(2) is None
    assert put(3) == row("alice", "a", n=2)
    with pytest.raises(ConditionFailedError):
        put(3)
    assert devices.get(("alice", "a")) == row("alice", "a", n=3)


def test_an_update_creates_no_row(devices: Table) -> None:
    with pytest.raises(ConditionFailedError):
        devices.update(
            ("alice", "a"),
            "SET #n = :n",
            condition="NOT #n = :n",
            names={"#n": "n"},
            values={":n": 1},
        )


def test_a_partition_is_read_in_order(devices: Table) -> None:
    for user, item in (("alice", "b#1"), ("alice", "a#2"), ("alice", "a#1"), ("bob", "a#3")):
        devices.put_new(row(user, item))

    found = devices.query_partition(
        "#user = :user AND begins_with(#item, :prefix)",
        names={"#user": schema.USER_ID, "#item": schema.DEVICE_ITEM},
        values={":user": "alice", ":prefix": "a#"},
    )

    assert [item["item"] for item in found] == ["a#1", "a#2"]


def test_an_upsert_creates_a_counter(announcements: Table) -> None:
    for _ in range(2):
        announcements.upsert("day", "ADD #n :one", names={"#n": "n"}, values={":one": 1})

    assert announcements.get("day") == {"announcementKey": "day", "n": 2}
