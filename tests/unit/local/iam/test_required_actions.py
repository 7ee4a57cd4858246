"""Required permissions of requests, and each service's error responses."""

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
                # Only SQS writes actions in lower case.
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
def test_a_denial_has_the_services_own_format(
    errors: ErrorResponses, status: int, header: bytes, body: dict[str, str]
) -> None:
    response = errors.denied(USER, "x:GetItem", TABLE)
    assert response.status == status
    assert header in response.wire
    assert json.loads(response.body) == body


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
def test_a_signature_fault_has_the_services_own_format(
    errors: ErrorResponses, kind: FaultKind, status: int, expected: bytes
) -> None:
    response = errors.unauthenticated(SignatureFault(kind, "words"))
    assert response.status == status
    assert expected in response.wire


def make_authorizer(
    *statements: Statement, reported: list[str]
) -> tuple[RequestAuthorizer, RolePolicies]:
    function = stacks.function("f", *statements)
    principals = Principals([function], AWS)
    policies = RolePolicies([function], reported.append)
    authorizer = RequestAuthorizer(
        lambda _request: principals.of_function("f"),
        dynamodb_permissions(AWS),
        policies,
        DynamoDbErrors(),
    )
    return authorizer, policies


def test_every_required_permission_must_be_allowed_and_a_denial_is_reported_once() -> None:
    reported: list[str] = []
    authorize, policies = make_authorizer(
        Statement(("dynamodb:BatchGetItem",), (TABLE,)), reported=reported
    )
    one: dict[str, Any] = {"RequestItems": {"notes": {}}}
    two: dict[str, Any] = {"RequestItems": {"notes": {}, "other": {}}}

    assert authorize(json_request("D.BatchGetItem", one)) is None
    for _ in range(2):
        denied = authorize(json_request("D.BatchGetItem", two))
        assert denied is not None
        assert b"table/other because" in denied.body
    other = TABLE.replace("notes", "other")
    assert list(policies.denials) == [Denial("f", "dynamodb:BatchGetItem", other)] * 2
    assert reported == [f"f: its role does not allow dynamodb:BatchGetItem on {other}"]


def test_replaced_policies_apply_to_later_requests() -> None:
    authorize, policies = make_authorizer(reported=[])
    request = json_request("D.GetItem", {"TableName": "notes"})
    assert authorize(request) is not None
    policies.replace("f", (Statement(("dynamodb:GetItem",), (TABLE,)),))
    assert authorize(request) is None
    policies.replace("f", ())
    assert authorize(request) is not None


def test_a_denied_request_does_not_reach_the_service() -> None:
    served: list[Request] = []

    def serve(request: Request) -> Response:
        served.append(request)
        return Response(200)

    request = json_request("D.GetItem", {"TableName": "notes"})
    authorize, policies = make_authorizer(reported=[])
    handle = authorized(authorize, serve)
    denied = handle(request)
    assert isinstance(denied, Response)
    assert (denied.status, served) == (400, [])
    policies.replace("f", (Statement(("dynamodb:GetItem",), ("*",)),))
    allowed = handle(request)
    assert isinstance(allowed, Response)
    assert (allowed.status, served) == (200, [request])
