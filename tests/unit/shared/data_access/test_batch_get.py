"""Batch reads, with moto and with a client that leaves keys unprocessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.tables import CONNECTIONS, SESSIONS, dynamodb, moto_tables


@pytest.fixture
def client() -> Iterator[Any]:
    with moto_tables():
        yield dynamodb()


KEY = (schema.CONNECTION_ID,)


def table_of(client: Any, pauses: list[float] | None = None) -> Table:
    return Table(client, SESSIONS, schema.SESSION_ID, ([] if pauses is None else pauses).append)


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_all_existing_rows_are_returned(client: Any, count: int) -> None:
    table = table_of(client)
    for number in range(count):
        table.put_new({schema.SESSION_ID: f"s{number}", "n": number})

    found = table.batch_get([*(f"s{number}" for number in range(count)), "nobody"])

    assert sorted(item["n"] for item in found) == list(range(count))


def test_repeated_keys_are_read_once(client: Any) -> None:
    table = table_of(client)
    table.put_new({schema.SESSION_ID: "s1"})

    assert table.batch_get(["s1", "s2", "s1"]) == [{schema.SESSION_ID: "s1"}]


def test_attributes_are_selected(client: Any) -> None:
    table = table_of(client)
    table.put_new({schema.SESSION_ID: "s1", "status": "active", "n": 1})
    table.put_new({schema.SESSION_ID: "s2", "n": 2})

    found = table.batch_get(["s1", "s2"], (schema.SESSION_ID, "status"), consistent=True)

    assert sorted(found, key=len) == [
        {schema.SESSION_ID: "s2"},
        {schema.SESSION_ID: "s1", "status": "active"},
    ]


class Sparing:
    """A client that processes only one key per request."""

    def __init__(self, client: Any, attempts: int) -> None:
        self._client = client
        self._attempts = attempts

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's name
        ((name, request),) = RequestItems.items()
        self._attempts -= 1
        if self._attempts < 0:
            return {"Responses": {}, "UnprocessedKeys": RequestItems}
        first, *rest = request["Keys"]
        answer = self._client.batch_get_item(RequestItems={name: {**request, "Keys": [first]}})
        left = {name: {**request, "Keys": rest}} if rest else {}
        return {**answer, "UnprocessedKeys": left}


def test_unprocessed_keys_are_retried_with_growing_pauses(client: Any) -> None:
    for number in range(3):
        table_of(client).put_new({schema.SESSION_ID: f"s{number}"})
    pauses: list[float] = []

    found = table_of(Sparing(client, 3), pauses).batch_get(["s0", "s1", "s2"], consistent=True)

    assert len(found) == 3
    assert pauses == [0.05, 0.1]


def test_keys_that_stay_unprocessed_raise(client: Any) -> None:
    with pytest.raises(StoreUnavailableError):
        table_of(Sparing(client, 1), []).batch_get(["s0", "s1"])


class TestTwoTables:
    @pytest.fixture
    def connections(self, client: Any) -> Table:
        return Table(client, CONNECTIONS, schema.CONNECTION_ID)

    def test_a_row_with_rows_of_another_table(self, client: Any, connections: Table) -> None:
        table_of(client).put_new({schema.SESSION_ID: "s1", "n": 1})
        connections.put_new({schema.CONNECTION_ID: "c1", "n": 2})

        row, others = table_of(client).get_with("s1", connections, ["c1", "c2", "c1"], KEY)

        assert row == {schema.SESSION_ID: "s1", "n": 1}
        assert others == [{schema.CONNECTION_ID: "c1"}]
        assert table_of(client).get_with("s2", connections, ["c2"], KEY) == (None, [])

    @pytest.mark.parametrize(("count", "requests"), [(1, 1), (99, 1), (100, 2), (200, 3)])
    def test_requests(self, client: Any, count: int, requests: int) -> None:
        counting: Any = CountingClient()
        other = Table(counting, CONNECTIONS, schema.CONNECTION_ID)
        keys = [f"c{number}" for number in range(count)]

        row, others = table_of(counting).get_with("s1", other, keys, KEY)

        assert (row, others) == (None, [])
        assert counting.requests == {"batch_get_item": requests}

    def test_unprocessed_keys_of_one_table_are_retried(
        self, client: Any, connections: Table
    ) -> None:
        table_of(client).put_new({schema.SESSION_ID: "s1"})
        connections.put_new({schema.CONNECTION_ID: "c1"})
        pauses: list[float] = []

        row, others = table_of(OneTable(client), pauses).get_with("s1", connections, ["c1"], KEY)

        assert (row, others) == ({schema.SESSION_ID: "s1"}, [{schema.CONNECTION_ID: "c1"}])
        assert pauses == [0.05]


class OneTable:
    """A client that processes only the keys of one table per request."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's name
        first, *rest = RequestItems
        answer = self._client.batch_get_item(RequestItems={first: RequestItems[first]})
        return {**answer, "UnprocessedKeys": {name: RequestItems[name] for name in rest}}
