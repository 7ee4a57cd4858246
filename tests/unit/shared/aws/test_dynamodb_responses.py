"""Fast decoding of DynamoDB's responses, compared with botocore's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from shared.aws.dynamodb_responses import decode_fast
from tests.helpers.database.tables import SESSIONS, moto_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROW: Any = {
    "sessionId": {"S": "golden-eagle-427"},
    "text": {"S": "\u00e9\U0001f3a7\n"},
    "number": {"N": "1.50"},
    "large": {"N": "12345678901234567890123456789012345678"},
    "truth": {"BOOL": False},
    "nothing": {"NULL": True},
    "map": {"M": {"list": {"L": [{"S": ""}, {"M": {}}]}}},
    "set": {"SS": ["a", "b"]},
}
KEY = {"sessionId": ROW["sessionId"]}


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    """A client as boto3 makes it, and a table with one row."""
    with moto_tables():
        made = boto3.client("dynamodb")
        made.put_item(TableName=SESSIONS, Item=ROW)
        yield made


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_item(TableName=SESSIONS, Key=KEY),
        lambda client: client.get_item(TableName=SESSIONS, Key={"sessionId": {"S": "nobody"}}),
        lambda client: client.batch_get_item(RequestItems={SESSIONS: {"Keys": [KEY]}}),
        lambda client: client.put_item(TableName=SESSIONS, Item=ROW, ReturnValues="ALL_OLD"),
        lambda client: client.query(
            TableName=SESSIONS,
            KeyConditionExpression="sessionId = :id",
            ExpressionAttributeValues={":id": ROW["sessionId"]},
            ReturnConsumedCapacity="TOTAL",
        ),
    ],
    ids=["get", "get nothing", "batch", "put", "query"],
)
def test_decodes_as_botocore_does(
    call: Callable[[DynamoDBClient], dict[str, Any]], client: DynamoDBClient
) -> None:
    answers = [call(client), call(decode_fast(client))]

    for answer in answers:
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert answers[0] == answers[1]


def test_leaves_errors_to_botocore(client: DynamoDBClient) -> None:
    with pytest.raises(ClientError) as raised:
        decode_fast(client).put_item(
            TableName=SESSIONS,
            Item=ROW,
            ConditionExpression="attribute_not_exists(sessionId)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    response: Any = raised.value.response
    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert response["Item"] == ROW
