"""The in-memory DynamoDB of fast tests answers as moto does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import CONNECTIONS, DEVICES, SESSIONS, dynamodb, moto_tables

KEY = {"sessionId": {"S": "a"}}
ROW = {
    **KEY,
    "n": {"N": "5"},
    "text": {"S": "abc"},
    "map": {"M": {"x": {"N": "1"}}},
    "set": {"SS": ["p"]},
}


@contextmanager
def by_moto() -> Iterator[Any]:
    with moto_tables():
        yield dynamodb()


@contextmanager
def in_memory() -> Iterator[Any]:
    yield MemoryDynamoDB()


@pytest.fixture(params=[by_moto, in_memory])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened: Callable[[], Any] = request.param
    with opened() as client:
        client.put_item(TableName=SESSIONS, Item=ROW)
        yield client


def row(client: Any) -> Any:
    return client.get_item(TableName=SESSIONS, Key=KEY, ConsistentRead=True).get("Item")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("#n = :five", True),
        ("#n <> :five", False),
        ("#n < :five OR #n > :five", False),
        ("#n >= :five AND #n <= :five", True),
        ("NOT #n = :five", False),
        ("NOT #missing = :five", True),
        ("#missing = :five", False),
        ("#missing < :five", False),
        ("#text = :five", False),
        ("attribute_exists(#n) AND (attribute_not_exists(#missing) OR #n < :five)", True),
        ("size(#set) < :five AND #map.#x < :five", True),
        ("attribute_exists(#map.#missing)", False),
        ("contains(#set, :p) AND contains(#text, :b)", True),
        ("begins_with(#text, :p)", False),
    ],
)
def test_conditions(client: Any, condition: str, *, holds: bool) -> None:
    names = {
        "#n": "n",
        "#missing": "missing",
        "#text": "text",
        "#map": "map",
        "#x": "x",
        "#set": "set",
    }
    values = {":five": {"N": "5"}, ":p": {"S": "p"}, ":b": {"S": "b"}}

    def write() -> None:
        client.update_item(
            TableName=SESSIONS,
            Key=KEY,
            UpdateExpression="SET done = :yes",
            ConditionExpression=condition,
            ExpressionAttributeNames={
                name: value
                for name, value in names.items()
                if name
                in condition.replace(".", " ")
                .replace(")", " ")
                .replace(",", " ")
                .replace("(", " ")
                .split()
            },
            ExpressionAttributeValues={
                ":yes": {"BOOL": True},
                **{name: value for name, value in values.items() if name in condition},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    if holds:
        write()
        assert row(client) == {**ROW, "done": {"BOOL": True}}
        return
    with pytest.raises(ClientError) as refused:
        write()
    answer: Any = refused.value.response
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert answer["Item"] == ROW


def test_an_update_reads_the_row_before_the_change(client: Any) -> None:
    answer = client.update_item(
        TableName=SESSIONS,
        Key=KEY,
        UpdateExpression="SET #n = #n + :one, #copy = #n,"
        " #map.#y = if_not_exists(#map.#y, :one) - :one"
        " REMOVE #text ADD #set :q, #hits :one",
        ExpressionAttributeNames={
            "#n": "n",
            "#copy": "copy",
            "#map": "map",
            "#y": "y",
            "#text": "text",
            "#set": "set",
            "#hits": "hits",
        },
        ExpressionAttributeValues={":one": {"N": "1"}, ":q": {"SS": ["q"]}},
        ReturnValues="ALL_OLD",
    )

    assert answer["Attributes"] == ROW
    found = row(client)
    found["set"]["SS"].sort()
    assert found == {
        **KEY,
        "n": {"N": "6"},
        "copy": {"N": "5"},
        "map": {"M": {"x": {"N": "1"}, "y": {"N": "0"}}},
        "set": {"SS": ["p", "q"]},
        "hits": {"N": "1"},
    }


def test_a_path_through_a_missing_map_is_refused(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.update_item(
            TableName=SESSIONS,
            Key=KEY,
            UpdateExpression="SET #no.#x = :one",
            ExpressionAttributeNames={"#no": "no", "#x": "x"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_conditional_puts_and_deletes(client: Any) -> None:
    new = {
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": "sessionId"},
    }
    with pytest.raises(ClientError):
        client.put_item(TableName=SESSIONS, Item=ROW, **new)
    with pytest.raises(ClientError):
        client.delete_item(TableName=SESSIONS, Key=KEY, **new)
    gone = client.delete_item(TableName=SESSIONS, Key=KEY, ReturnValues="ALL_OLD")
    assert gone["Attributes"] == ROW
    assert "Attributes" not in client.delete_item(TableName=SESSIONS, Key=KEY)
    client.delete_item(TableName=SESSIONS, Key=KEY, **new)
    client.put_item(TableName=SESSIONS, Item=ROW, **new)
    found = client.batch_get_item(
        RequestItems={SESSIONS: {"Keys": [KEY, {"sessionId": {"S": "b"}}]}}
    )
    assert found["Responses"][SESSIONS] == [ROW]


def test_an_index_is_sorted_and_has_its_projection(client: Any) -> None:
    for number, seat in ((1, "listener#fr"), (2, "listener#es"), (3, None)):
        item = {"connectionId": {"S": f"c{number}"}, "sessionId": {"S": "a"}, "n": {"N": "1"}}
        if seat is not None:
            item["seat"] = {"S": seat}
        client.put_item(TableName=CONNECTIONS, Item=item)

    answer = client.query(
        TableName=CONNECTIONS,
        IndexName="audience",
        KeyConditionExpression="#session = :session",
        ExpressionAttributeNames={"#session": "sessionId"},
        ExpressionAttributeValues={":session": {"S": "a"}},
    )

    assert answer["Items"] == [
        {"connectionId": {"S": "c2"}, "sessionId": {"S": "a"}, "seat": {"S": "listener#es"}},
        {"connectionId": {"S": "c1"}, "sessionId": {"S": "a"}, "seat": {"S": "listener#fr"}},
    ]


def test_key_ranges_are_paged(client: Any) -> None:
    for number in range(5):
        client.put_item(
            TableName=DEVICES,
            Item={"userId": {"S": "alice"}, "item": {"S": f"state#{number}"}},
        )
    asked = {
        "TableName": DEVICES,
        "KeyConditionExpression": "#user = :user AND #item BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#user": "userId", "#item": "item"},
        "ExpressionAttributeValues": {
            ":user": {"S": "alice"},
            ":first": {"S": "state#1"},
            ":last": {"S": "state#3"},
        },
    }

    page = client.query(**asked, Limit=2)
    rest = client.query(**asked, ExclusiveStartKey=page["LastEvaluatedKey"])

    assert [row["item"]["S"] for row in page["Items"]] == ["state#1", "state#2"]
    assert [row["item"]["S"] for row in rest["Items"]] == ["state#3"]


def test_a_missing_table_has_its_own_error(client: Any) -> None:
    client.delete_table(TableName=SESSIONS)

    with pytest.raises(ClientError) as refused:
        client.get_item(TableName=SESSIONS, Key=KEY)

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
