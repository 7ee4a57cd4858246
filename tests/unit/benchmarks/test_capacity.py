"""Capacity units by DynamoDB's rules, and the table in docs/scale.md."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.capacity import quotas
from benchmarks.capacity.metered_dynamodb import MeteredDynamoDB, item_bytes
from shared.models import schema
from tests.helpers.database.tables import CONNECTIONS, SESSIONS

AUDIENCE = f"{CONNECTIONS}/{schema.AUDIENCE_INDEX}"


def test_the_document_contains_the_generated_table() -> None:
    assert quotas.written() == quotas.render(), "run python -m benchmarks.capacity.quotas"


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "añil"}, 5),
        ({"N": "0"}, 1),
        ({"N": "12345"}, 4),
        ({"N": "-120"}, 3),
        ({"BOOL": False}, 1),
        ({"SS": ["ab", "cde"]}, 5),
        ({"M": {}}, 3),
        ({"M": {"ab": {"S": "cd"}, "e": {"N": "1"}}}, 3 + (2 + 2 + 1) + (1 + 2 + 1)),
    ],
)
def test_sizes(value: dict[str, Any], size: int) -> None:
    assert item_bytes({"name": value}) == 4 + size


def row(table: str, key: str, size: int, **more: Any) -> dict[str, Any]:
    """A put of a row of `size` bytes."""
    item = {table.removesuffix("s") + "Id": {"S": key}, **more}
    return {"TableName": table, "Item": {**item, "x": {"S": "x" * (size - 1 - item_bytes(item))}}}


class TestUnits:
    @pytest.fixture
    def database(self) -> MeteredDynamoDB:
        return MeteredDynamoDB()

    @pytest.mark.parametrize(("size", "units"), [(1_024, 1), (1_025, 2), (7_000, 7)])
    def test_a_write_costs_the_larger_of_the_row_before_and_after(
        self, database: MeteredDynamoDB, size: int, units: int
    ) -> None:
        database.put_item(**row(SESSIONS, "s", size))
        assert database.take().writes == {(SESSIONS, "s"): units}

        database.put_item(**row(SESSIONS, "s", 100))
        assert database.take().writes == {(SESSIONS, "s"): units}

    def test_reads_of_rows(self, database: MeteredDynamoDB) -> None:
        database.put_item(**row(SESSIONS, "s", 4_097))
        key = {"sessionId": {"S": "s"}}
        database.get_item(TableName=SESSIONS, Key=key, ConsistentRead=True)
        assert database.take().reads == {(SESSIONS, "s"): 2}

        wanted = {
            SESSIONS: {"Keys": [key], "ConsistentRead": True},
            CONNECTIONS: {"Keys": [{"connectionId": {"S": "c"}}], "ConsistentRead": False},
        }
        database.batch_get_item(RequestItems=wanted)
        assert database.take().reads == {(SESSIONS, "s"): 2, (CONNECTIONS, "c"): 0.5}

    def test_an_index_is_written_when_its_entry_changes(self, database: MeteredDynamoDB) -> None:
        def seated(seat: str, size: int = 300) -> float:
            place = {"sessionId": {"S": "s"}, "seat": {"S": seat}}
            database.put_item(**row(CONNECTIONS, "c", size, **place))
            return database.take().writes[AUDIENCE, "s"]

        assert seated("listener#es") == 1
        assert seated("listener#es", size=400) == 0
        assert seated("listener#fr") == 2

        database.delete_item(TableName=CONNECTIONS, Key={"connectionId": {"S": "c"}})
        assert database.take().writes[AUDIENCE, "s"] == 1

    def test_a_query_of_an_index_is_eventually_consistent(self, database: MeteredDynamoDB) -> None:
        for number in range(100):
            place = {"sessionId": {"S": "s"}, "seat": {"S": "listener#es"}}
            database.put_item(**row(CONNECTIONS, f"c{number:03}", 300, **place))
        database.take()

        database.query(
            TableName=CONNECTIONS,
            IndexName=schema.AUDIENCE_INDEX,
            KeyConditionExpression="sessionId = :session",
            ExpressionAttributeValues={":session": {"S": "s"}},
        )

        # 100 entries of 41 B
        assert database.take().reads == {(AUDIENCE, "s"): 1}
