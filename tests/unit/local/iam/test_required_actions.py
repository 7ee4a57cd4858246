"""Permissions that requests require."""

from __future__ import annotations

import json

import pytest

from local.http.messages import Request
from local.iam.dynamodb_actions import dynamodb_permissions
from local.iam.request_authorizer import MalformedRequestError, PermissionMapper, RequiredPermission
from local.iam.required_actions import (
    connections_permissions,
    lambda_permissions,
    polly_permissions,
    secrets_permissions,
    sqs_permissions,
    translate_permissions,
)
from local.template.model import AwsEnvironment, Secret
from tests.unit.local import stacks

AWS = AwsEnvironment()
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/notes"
QUEUE = "arn:aws:sqs:eu-central-1:000000000000:timers"


def json_request(target: str, body: object) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/", [(b"x-amz-target", target.encode())], content)


def dynamodb(operation: str, body: object) -> list[tuple[str, str]]:
    required = dynamodb_permissions(AWS)(json_request(f"DynamoDB_20120810.{operation}", body))
    return [(item.action.removeprefix("dynamodb:"), item.resource) for item in required]


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "notes", "Key": {}}, [("GetItem", TABLE)]),
        ("GetItem", {"TableName": TABLE}, [("GetItem", TABLE)]),
        # Only Query and Scan read indexes; other operations ignore the name.
        ("Query", {"TableName": "notes", "IndexName": "i"}, [("Query", f"{TABLE}/index/i")]),
        ("Scan", {"TableName": "notes", "IndexName": "i"}, [("Scan", f"{TABLE}/index/i")]),
        ("GetItem", {"TableName": "notes", "IndexName": "i"}, [("GetItem", TABLE)]),
        ("ListTables", {}, [("ListTables", "*")]),
        ("ListTables", b"", [("ListTables", "*")]),
        (
            "BatchGetItem",
            {"RequestItems": {"notes": {"Keys": []}, "other": {}}},
            [("BatchGetItem", TABLE), ("BatchGetItem", TABLE.replace("notes", "other"))],
        ),
        # A request that names tables in two fields requires permission for all of them.
        (
            "BatchWriteItem",
            {"TableName": "notes", "RequestItems": {"other": []}},
            [("BatchWriteItem", TABLE), ("BatchWriteItem", TABLE.replace("notes", "other"))],
        ),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "notes", "Item": {}}},
                    {"ConditionCheck": {"TableName": "notes"}},
                ]
            },
            [("PutItem", TABLE), ("ConditionCheckItem", TABLE)],
        ),
    ],
)
def test_dynamodb_requires_its_action_on_every_table_and_index(
    operation: str, body: object, expected: list[tuple[str, str]]
) -> None:
    assert dynamodb(operation, body) == expected


@pytest.mark.parametrize(
    "mapper", [dynamodb_permissions(AWS), sqs_permissions(AWS), secrets_permissions(AWS, [])]
)
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"TableName": 1, "QueueUrl": 1, "SecretId": 1}', b"\xff"]
)
def test_a_malformed_body_does_not_bypass_authorization(
    mapper: PermissionMapper, body: bytes
) -> None:
    with pytest.raises(MalformedRequestError) as malformed:
        mapper(json_request("X.SendMessage", body))
    assert malformed.value.response.status == 400
    assert b"SerializationException" in malformed.value.response.body


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("SendMessage", {"QueueUrl": "http://h:1/000000000000/timers"}, ("SendMessage", QUEUE)),
        ("SendMessageBatch", {"QueueUrl": "https://h/0/timers/"}, ("SendMessage", QUEUE)),
        ("GetQueueUrl", {"QueueName": "timers"}, ("GetQueueUrl", QUEUE)),
        ("ListQueues", {}, ("ListQueues", "*")),
    ],
)
def test_sqs_requires_its_action_on_the_queue(
    operation: str, body: object, expected: tuple[str, str]
) -> None:
    (required,) = sqs_permissions(AWS)(json_request(f"AmazonSQS.{operation}", body))
    assert required == RequiredPermission(f"sqs:{expected[0]}", expected[1])


SECRET = Secret("key", AWS.arn("secretsmanager", "secret:key-a1b2c3"), "value")


@pytest.mark.parametrize(
    ("body", "resource"),
    [
        ({"SecretId": "key"}, SECRET.arn),
        ({"SecretId": SECRET.arn}, SECRET.arn),
        ({"SecretId": "other"}, AWS.arn("secretsmanager", "secret:other")),
        ({"SecretId": f"{SECRET.arn}x"}, f"{SECRET.arn}x"),
        ({}, "*"),
    ],
)
def test_secrets_manager_requires_its_action_on_the_secret(body: object, resource: str) -> None:
    (required,) = secrets_permissions(AWS, [SECRET])(
        json_request("secretsmanager.GetSecretValue", body)
    )
    assert required == RequiredPermission("secretsmanager:GetSecretValue", resource)


def test_translate_and_polly_require_their_operations_action() -> None:
    text = json_request("AWSShineFrontendService_20170701.TranslateText", {"Text": "One."})
    document = json_request("AWSShineFrontendService_20170701.TranslateDocument", {})
    speech = Request("POST", "/v1/speech", [], b"{}")
    voices = Request("GET", "/v1/voices", [], b"")

    assert translate_permissions(text) == (RequiredPermission("translate:TranslateText", "*"),)
    assert translate_permissions(document) == (
        RequiredPermission("translate:TranslateDocument", "*"),
    )
    assert polly_permissions(speech) == (RequiredPermission("polly:SynthesizeSpeech", "*"),)
    # No role grants an unknown operation.
    assert polly_permissions(voices) == (RequiredPermission("polly:Unknown", "*"),)


@pytest.mark.parametrize("name", ["f", "000000000000:function:f", "arn%3Aaws%3Alambda%3Ar%3A0%3Af"])
def test_invoke_requires_permission_on_the_function(name: str) -> None:
    request = Request("POST", f"/2015-03-31/functions/{name}/invocations", [], b"")
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:f"
    assert lambda_permissions(AWS)(request) == (RequiredPermission("lambda:InvokeFunction", arn),)


@pytest.mark.parametrize("name", ["f%3Alive", "f:live", "arn:aws:lambda:r:0:function:f:live"])
def test_invoke_of_an_alias_requires_permission_on_the_alias(name: str) -> None:
    request = Request("POST", f"/2015-03-31/functions/{name}/invocations", [], b"")
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:f:live"
    assert lambda_permissions(AWS)(request) == (RequiredPermission("lambda:InvokeFunction", arn),)


def test_connections_requires_permission_on_stage_and_method() -> None:
    mapper = connections_permissions(AWS, stacks.stack().websocket)
    base = "arn:aws:execute-api:eu-central-1:000000000000:api/dev"
    for path in ("/dev/%40connections/a%3D", "/dev/@connections/a="):
        (required,) = mapper(Request("DELETE", path, [], b""))
        assert required == RequiredPermission(
            "execute-api:ManageConnections", f"{base}/DELETE/@connections/a="
        )
