"""Authorization of requests by the policies of the caller's role."""

from __future__ import annotations

import json
from typing import Any

from local.http.messages import Request, Response
from local.iam.dynamodb_actions import dynamodb_permissions
from local.iam.error_responses import DynamoDbErrors
from local.iam.principals import Principals
from local.iam.request_authorizer import RequestAuthorizer, authorized
from local.iam.role_policies import Denial, RolePolicies
from local.template.model import AwsEnvironment, Statement
from tests.unit.local import stacks

AWS = AwsEnvironment()
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/notes"


def json_request(target: str, body: object) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", "/", [(b"x-amz-target", target.encode())], content)


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
