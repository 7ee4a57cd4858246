"""Each service refuses calls that the role does not allow, with its own error."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local.endpoints import Endpoints
from local.gateway.websocket_events import new_id
from local.iam.credentials import LocalCredentials
from local.launch import launch

TALK = "fixture-dev-Talk"
USER = f"User: arn:aws:sts::000000000000:assumed-role/fixture-dev-Role/{TALK}"
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/fixture-notes"
# A closed connection.
NOBODY = new_id()
KEY = {"id": {"S": "one"}}
ITEM = {"id": {"S": "one"}, "when": {"N": "1"}}
QUERY = {
    "TableName": "fixture-notes",
    "KeyConditionExpression": "id = :id",
    "ExpressionAttributeValues": {":id": {"S": "one"}},
}


@pytest.fixture(scope="module")
def endpoints(fixture_path: Path) -> Iterator[Endpoints]:
    with launch(extra_args=["--template", str(fixture_path), "--workers", "1"]) as running:
        yield running


def client(service: str, url: str, credentials: LocalCredentials | None, **config: Any) -> Any:
    keys = credentials or LocalCredentials.of_function(TALK)
    session = boto3.Session(keys.access_key, keys.secret_key, keys.token, "eu-central-1")
    return session.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        config=Config(retries={"max_attempts": 0}, proxies={}, **config),
    )


def dynamodb(
    endpoints: Endpoints, credentials: LocalCredentials | None = None, **config: Any
) -> Any:
    return client("dynamodb", endpoints.dynamodb_url, credentials, **config)


def refusal(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        call()
    response: dict[str, Any] = dict(refused.value.response)
    return response


def denial(action: str, resource: str) -> str:
    return (
        f"{USER} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action"
    )


def test_dynamodb_allows_the_actions_of_the_role(endpoints: Endpoints) -> None:
    database = dynamodb(endpoints)
    database.put_item(TableName="fixture-notes", Item=ITEM)
    assert database.query(IndexName="recent", **QUERY)["Items"] == [ITEM]


@pytest.mark.parametrize(
    ("operation", "arguments", "action", "resource"),
    [
        ("get_item", {"TableName": "fixture-notes", "Key": KEY}, "GetItem", TABLE),
        ("put_item", {"TableName": "other", "Item": ITEM}, "PutItem", TABLE[:-13] + "other"),
        # The role grants the index, not its table.
        ("query", QUERY, "Query", TABLE),
        (
            "query",
            QUERY | {"IndexName": "else"},
            "Query",
            f"{TABLE}/index/else",
        ),
        (
            "batch_get_item",
            {"RequestItems": {"fixture-notes": {"Keys": [KEY]}}},
            "BatchGetItem",
            TABLE,
        ),
        (
            "batch_write_item",
            {"RequestItems": {"fixture-notes": [{"PutRequest": {"Item": ITEM}}]}},
            "BatchWriteItem",
            TABLE,
        ),
        (
            "transact_write_items",
            {
                "TransactItems": [
                    {"Put": {"TableName": "fixture-notes", "Item": ITEM}},
                    {"Delete": {"TableName": "fixture-notes", "Key": KEY}},
                ]
            },
            "DeleteItem",
            TABLE,
        ),
        ("list_tables", {}, "ListTables", "*"),
    ],
)
def test_dynamodb_refuses_other_actions(
    endpoints: Endpoints, operation: str, arguments: dict[str, Any], action: str, resource: str
) -> None:
    response = refusal(lambda: getattr(dynamodb(endpoints), operation)(**arguments))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["Error"]["Message"] == denial(f"dynamodb:{action}", resource)


def test_the_operator_has_all_permissions(endpoints: Endpoints) -> None:
    database = dynamodb(endpoints, LocalCredentials())
    assert database.list_tables()["TableNames"] == ["fixture-notes"]
    assert "Item" not in database.get_item(TableName="fixture-notes", Key={"id": {"S": "no"}})


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (LocalCredentials(access_key="ASIAELSEWHERE"), "UnrecognizedClientException"),
        (LocalCredentials(token="other"), "UnrecognizedClientException"),
        (LocalCredentials(secret_key="other"), "InvalidSignatureException"),
    ],
)
def test_dynamodb_refuses_wrong_signatures(
    endpoints: Endpoints, credentials: LocalCredentials, code: str
) -> None:
    response = refusal(dynamodb(endpoints, credentials).list_tables)
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (
        400,
        code,
    )


def test_dynamodb_refuses_unsigned_requests(endpoints: Endpoints) -> None:
    response = refusal(dynamodb(endpoints, signature_version=UNSIGNED).list_tables)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"] == {
        "Code": "MissingAuthenticationTokenException",
        "Message": "Request is missing Authentication Token",
    }


def test_connections_refuses_other_methods(endpoints: Endpoints) -> None:
    api = client("apigatewaymanagementapi", endpoints.management_url, None)
    # The call is allowed, and the connection closed.
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=NOBODY, Data=b"x")

    response = refusal(lambda: api.delete_connection(ConnectionId=NOBODY))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"]["Code"] == "AccessDeniedException"
    # API Gateway masks the account and the connection.
    resource = (
        "arn:aws:execute-api:eu-central-1:********0000:api/dev/DELETE/@connections/{connectionId}"
    )
    assert response["Error"]["Message"] == denial("execute-api:ManageConnections", resource)


def test_invoke_refuses_other_functions(endpoints: Endpoints) -> None:
    functions = client("lambda", endpoints.lambda_url, None)
    answer = functions.invoke(FunctionName="fixture-dev-Other", Payload=b'{"n": 1}')
    assert json.load(answer["Payload"])["got"] == {"n": 1}

    response = refusal(lambda: functions.invoke(FunctionName="fixture-dev-Life"))
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:fixture-dev-Life"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["Error"]["Message"] == denial("lambda:InvokeFunction", arn)


def test_request_counts_need_no_signature(endpoints: Endpoints) -> None:
    with urllib.request.urlopen(f"{endpoints.dynamodb_url}/_requests") as answer:
        assert json.load(answer)["CreateTable"] == 1


def test_without_verification_every_call_is_allowed(fixture_path: Path) -> None:
    arguments = ["--template", str(fixture_path), "--workers", "1"]
    with launch(verify_signatures=False, extra_args=arguments) as endpoints:
        stranger = LocalCredentials("ASIAELSEWHERE", "other", "other")
        assert dynamodb(endpoints, stranger).list_tables()["TableNames"] == ["fixture-notes"]
