"""Writes whose answer is lost recognise their earlier success by a mark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models import schema
from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb, moto_tables
from tests.helpers.lossy.faults import Fault, LossyClient

ANY_FAULT = pytest.mark.parametrize("fault", Fault)


@pytest.fixture
def client() -> Iterator[LossyClient]:
    with moto_tables():
        yield LossyClient(dynamodb())


@pytest.fixture
def table(client: LossyClient) -> Table:
    table = Table(client, ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)  # type: ignore[arg-type]
    table.put_new(row(n=1))
    return table


def row(**more: object) -> Item:
    return {"announcementKey": "a", **more}


def step(table: Table, write_id: str | None = None) -> Item:
    return table.update(
        "a",
        "SET #n = #n + :one",
        condition="#n = :before",
        names={"#n": "n"},
        values={":one": 1, ":before": 1},
        write_id=write_id,
        revert=lambda after: {**after, "n": after["n"] - 1},
    )


@ANY_FAULT
def test_a_conditional_update_is_applied_once_and_returns_the_old_row(
    client: LossyClient, table: Table, fault: Fault
) -> None:
    client.plan(fault, 0)

    assert step(table) == row(n=1)

    assert client.end()
    assert table.get("a") == row(n=2)


def test_a_condition_broken_by_another_write_is_refused(client: LossyClient, table: Table) -> None:
    step(table)

    client.plan(Fault.APPLIED_TWICE, 0)
    with pytest.raises(ConditionFailedError):
        step(table)


@ANY_FAULT
def test_a_repeated_create_succeeds(client: LossyClient, table: Table, fault: Fault) -> None:
    client.plan(fault, 0)

    table.put_new({"announcementKey": "b", "n": 1})

    assert table.get("b") == {"announcementKey": "b", "n": 1}
    with pytest.raises(ConditionFailedError):
        table.put_new({"announcementKey": "b", "n": 2})


@ANY_FAULT
def test_a_row_is_replaced_once(client: LossyClient, table: Table, fault: Fault) -> None:
    def put(number: int) -> Item | None:
        return table.put_if(
            row(n=number), condition="#n < :n", names={"#n": "n"}, values={":n": number}
        )

    client.plan(fault, 0)
    put(2)

    assert table.get("a") == row(n=2)
    with pytest.raises(ConditionFailedError):
        put(2)


@ANY_FAULT
@pytest.mark.parametrize("key", ["a", "new"])
def test_a_counter_counts_once(client: LossyClient, table: Table, fault: Fault, key: str) -> None:
    client.plan(fault, 0)

    table.upsert(key, "ADD #hits :one", names={"#hits": "hits"}, values={":one": 1})

    assert (table.get(key) or {})["hits"] == 1


def test_writes_with_one_id_are_applied_once(table: Table) -> None:
    for _ in range(3):
        table.upsert("a", "ADD #n :one", names={"#n": "n"}, values={":one": 1}, write_id="x")
    assert table.get("a") == row(n=2)
    table.upsert("a", "ADD #n :one", names={"#n": "n"}, values={":one": 1}, write_id="y")
    assert table.get("a") == row(n=3)


class Taciturn:
    """A database that does not return the row with a refused write, like dynalite."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def passed_on(**arguments: Any) -> Any:
            arguments.pop("ReturnValuesOnConditionCheckFailure", None)
            return call(**arguments)

        return passed_on


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.RESPONSE_LOST])
def test_the_row_is_read_if_the_error_lacks_it(client: LossyClient, fault: Fault) -> None:
    lossy = LossyClient(Taciturn(client))
    table = Table(lossy, ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)  # type: ignore[arg-type]
    table.put_new(row(n=1))

    lossy.plan(fault, 0)
    assert step(table, write_id="a step") == row(n=1)
    assert step(table, write_id="a step") == row(n=1), "the request is repeated"

    assert table.get("a") == row(n=2)
    with pytest.raises(ConditionFailedError):
        step(table)


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.RESPONSE_LOST])
def test_a_repeated_request_recognises_its_first_write(
    client: LossyClient, table: Table, fault: Fault
) -> None:
    client.plan(fault, 0, times=2)
    with pytest.raises(StoreUnavailableError):
        step(table, write_id="a step")

    assert step(table, write_id="a step") == row(n=1)

    assert table.get("a") == row(n=2)


def test_marks_are_hidden_from_repositories(table: Table) -> None:
    step(table)

    assert table.batch_get(["a"]) == [row(n=2)]
    assert table.delete("a") == row(n=2)


def test_the_number_of_marks_is_bounded(client: LossyClient, table: Table) -> None:
    for number in range(100):
        for write_id in (None, f"write {number}"):
            table.upsert(
                "a", "ADD #n :one", names={"#n": "n"}, values={":one": 1}, write_id=write_id
            )

    stored = dynamodb().get_item(TableName=ANNOUNCEMENTS, Key={"announcementKey": {"S": "a"}})
    marks = {name: value for name, value in stored["Item"].items() if name.startswith("~")}
    assert sum(len(name) + len(value["S"]) for name, value in marks.items()) <= 270


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.RESPONSE_LOST])
def test_a_delete_survives_a_lost_answer(client: LossyClient, table: Table, fault: Fault) -> None:
    client.plan(fault, 0)

    table.delete_if(
        "a", condition="#n = :n OR attribute_not_exists(#n)", names={"#n": "n"}, values={":n": 1}
    )

    assert table.get("a") is None
