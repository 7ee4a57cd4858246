"""What requests ask for in IAM's terms, and how each service words that it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.http.server import Request, Response
from local.iam.dynamodb_actions import dynamodb_permissions
from local.iam.error_responses import (
    ConnectionsErrors,
    DynamoDbErrors,
    ErrorResponses,
    LambdaErrors,
    SecretsErrors,
    SqsErrors,
)
from local.iam.principals import Principals
from local.iam.request_authorizer import (
    MalformedRequestError,
    PermissionMapper,
    RequestAuthorizer,
    RequiredPermission,
    authorized,
)
from local.iam.required_actions import (
    connections_permissions,
    lambda_permissions,
    polly_permissions,
    secrets_permissions,
    sqs_permissions,
    translate_permissions,
)
from local.iam.role_policies import Denial, RolePolicies
from local.iam.signatures import FaultKind, SignatureFault
from local.template.model import AwsEnvironment, Secret, Statement
from tests.unit.local import stacks

AWS = AwsEnvironment()
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/notes"
QUEUE = "arn:aws:sqs:eu-central-1:000000000000:timers"
USER = "arn:aws:sts::000000000000:assumed-role/role/f"


def json_request(target: str, body: object) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/", [(b"x-amz-target", target.encode())], content)


def dynamodb(operation: str, body: object) -> list[tuple[str, str]]:
    needs = dynamodb_permissions(AWS)(json_request(f"DynamoDB_20120810.{operation}", body))
    return [(need.action.removeprefix("dynamodb:"), need.resource) for need in needs]


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "notes", "Key": {}}, [("GetItem", TABLE)]),
        ("GetItem", {"TableName": TABLE}, [("GetItem", TABLE)]),
        # Only these two read indexes; elsewhere the name means nothing.
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
        # What names tables in two ways needs all of them.
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
def test_dynamodb_needs_its_action_on_every_table_and_index(
    operation: str, body: object, expected: list[tuple[str, str]]
) -> None:
    assert dynamodb(operation, body) == expected


@pytest.mark.parametrize(
    "needs", [dynamodb_permissions(AWS), sqs_permissions(AWS), secrets_permissions(AWS, [])]
)
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"TableName": 1, "QueueUrl": 1, "SecretId": 1}', b"\xff"]
)
def test_what_cannot_be_read_is_no_way_around_a_check(needs: PermissionMapper, body: bytes) -> None:
    with pytest.raises(MalformedRequestError) as malformed:
        needs(json_request("X.SendMessage", body))
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
def test_sqs_needs_its_action_on_the_queue(
    operation: str, body: object, expected: tuple[str, str]
) -> None:
    (need,) = sqs_permissions(AWS)(json_request(f"AmazonSQS.{operation}", body))
    assert need == RequiredPermission(f"sqs:{expected[0]}", expected[1])


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
def test_secrets_manager_needs_its_action_on_the_secret(body: object, resource: str) -> None:
    (need,) = secrets_permissions(AWS, [SECRET])(
        json_request("secretsmanager.GetSecretValue", body)
    )
    assert need == RequiredPermission("secretsmanager:GetSecretValue", resource)


def test_what_a_machine_says_needs_the_one_action_that_it_takes() -> None:
    text = json_request("AWSShineFrontendService_20170701.TranslateText", {"Text": "One."})
    document = json_request("AWSShineFrontendService_20170701.TranslateDocument", {})
    speech = Request("POST", "/v1/speech", [], b"{}")
    voices = Request("GET", "/v1/voices", [], b"")

    assert translate_permissions(text) == (RequiredPermission("translate:TranslateText", "*"),)
    assert translate_permissions(document) == (
        RequiredPermission("translate:TranslateDocument", "*"),
    )
    assert polly_permissions(speech) == (RequiredPermission("polly:SynthesizeSpeech", "*"),)
    # Nobody may what is not known.
    assert polly_permissions(voices) == (RequiredPermission("polly:Unknown", "*"),)


@pytest.mark.parametrize("name", ["f", "000000000000:function:f", "arn%3Aaws%3Alambda%3Ar%3A0%3Af"])
def test_invoke_needs_the_function(name: str) -> None:
    request = Request("POST", f"/2015-03-31/functions/{name}/invocations", [], b"")
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:f"
    assert lambda_permissions(AWS)(request) == (RequiredPermission("lambda:InvokeFunction", arn),)


@pytest.mark.parametrize("name", ["f%3Alive", "f:live", "arn:aws:lambda:r:0:function:f:live"])
def test_invoke_needs_the_alias_that_it_names(name: str) -> None:
    request = Request("POST", f"/2015-03-31/functions/{name}/invocations", [], b"")
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:f:live"
    assert lambda_permissions(AWS)(request) == (RequiredPermission("lambda:InvokeFunction", arn),)


def test_connections_needs_stage_and_method() -> None:
    needs = connections_permissions(AWS, stacks.stack().websocket)
    base = "arn:aws:execute-api:eu-central-1:000000000000:api/dev"
    for path in ("/dev/%40connections/a%3D", "/dev/@connections/a="):
        (need,) = needs(Request("DELETE", path, [], b""))
        assert need == RequiredPermission(
            "execute-api:ManageConnections", f"{base}/DELETE/@connections/a="
        )


def text(action: str, resource: str) -> str:
    return (
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action"
    )


@pytest.mark.parametrize(
    ("errors", "status", "header", "body"),
    [
        (
            DynamoDbErrors(),
            400,
            b"Content-Type: application/x-amz-json-1.0",
            {
                "__type": "com.amazon.coral.service#AccessDeniedException",
                "Message": text("x:GetItem", TABLE),
            },
        ),
        (
            SqsErrors(),
            403,
            b"x-amzn-query-error: AccessDenied;Sender",
            {
                "__type": "com.amazon.coral.service#AccessDeniedException",
                # SQS alone writes actions in lower case.
                "Message": text("x:getitem", TABLE),
            },
        ),
        (
            SecretsErrors(),
            400,
            b"Content-Type: application/x-amz-json-1.0",
            {"__type": "AccessDeniedException", "Message": text("x:GetItem", TABLE)},
        ),
        (
            LambdaErrors(),
            403,
            b"x-amzn-ErrorType: AccessDeniedException",
            {"Message": text("x:GetItem", TABLE)},
        ),
    ],
)
def test_denials_are_worded_as_each_service_does(
    errors: ErrorResponses, status: int, header: bytes, body: dict[str, str]
) -> None:
    answer = errors.denied(USER, "x:GetItem", TABLE)
    assert answer.status == status
    assert header in answer.wire
    assert json.loads(answer.body) == body


@pytest.mark.parametrize(
    ("errors", "kind", "status", "expected"),
    [
        (DynamoDbErrors(), FaultKind.MISSING, 400, b"#MissingAuthenticationTokenException"),
        (DynamoDbErrors(), FaultKind.WRONG, 400, b"#InvalidSignatureException"),
        (SqsErrors(), FaultKind.MISSING, 403, b"x-amzn-query-error: AccessDenied;Sender"),
        (SqsErrors(), FaultKind.UNKNOWN_CALLER, 403, b"InvalidClientTokenId;Sender"),
        (SqsErrors(), FaultKind.INCOMPLETE, 400, b"IncompleteSignature;Sender"),
        (SecretsErrors(), FaultKind.WRONG, 400, b'"__type":"InvalidSignatureException"'),
        (LambdaErrors(), FaultKind.WRONG, 403, b"x-amzn-ErrorType: InvalidSignatureException"),
        (ConnectionsErrors(), FaultKind.MISSING, 403, b"MissingAuthenticationTokenException"),
    ],
)
def test_faults_are_worded_as_each_service_does(
    errors: ErrorResponses, kind: FaultKind, status: int, expected: bytes
) -> None:
    answer = errors.unauthenticated(SignatureFault(kind, "words"))
    assert answer.status == status
    assert expected in answer.wire


def guard_for(
    *statements: Statement, reported: list[str]
) -> tuple[RequestAuthorizer, RolePolicies]:
    function = stacks.function("f", *statements)
    callers = Principals([function], AWS)
    policies = RolePolicies([function], reported.append)
    guard = RequestAuthorizer(
        lambda _request: callers.of_function("f"),
        dynamodb_permissions(AWS),
        policies,
        DynamoDbErrors(),
    )
    return guard, policies


def test_every_need_must_be_allowed_and_a_denial_is_reported_once() -> None:
    reported: list[str] = []
    guard, policies = guard_for(Statement(("dynamodb:BatchGetItem",), (TABLE,)), reported=reported)
    one: dict[str, Any] = {"RequestItems": {"notes": {}}}
    two: dict[str, Any] = {"RequestItems": {"notes": {}, "other": {}}}

    assert guard(json_request("D.BatchGetItem", one)) is None
    for _ in range(2):
        refused = guard(json_request("D.BatchGetItem", two))
        assert refused is not None
        assert b"table/other because" in refused.body
    other = TABLE.replace("notes", "other")
    assert list(policies.denials) == [Denial("f", "dynamodb:BatchGetItem", other)] * 2
    assert reported == [f"f: its role does not allow dynamodb:BatchGetItem on {other}"]


def test_policies_can_be_replaced_while_requests_come() -> None:
    guard, policies = guard_for(reported=[])
    request = json_request("D.GetItem", {"TableName": "notes"})
    assert guard(request) is not None
    policies.replace("f", (Statement(("dynamodb:GetItem",), (TABLE,)),))
    assert guard(request) is None
    policies.replace("f", ())
    assert guard(request) is not None


def test_what_is_refused_does_not_reach_the_service() -> None:
    served: list[Request] = []

    def serve(request: Request) -> Response:
        served.append(request)
        return Response(200)

    request = json_request("D.GetItem", {"TableName": "notes"})
    guard, policies = guard_for(reported=[])
    handle = authorized(guard, serve)
    refused = handle(request)
    assert isinstance(refused, Response)
    assert (refused.status, served) == (400, [])
    policies.replace("f", (Statement(("dynamodb:GetItem",), ("*",)),))
    admitted = handle(request)
    assert isinstance(admitted, Response)
    assert (admitted.status, served) == (200, [request])
