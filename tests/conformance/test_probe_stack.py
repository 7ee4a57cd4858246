"""The probe's templates: permissions, code and routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.assembly import resolve

STACKS = ("lingocast-conformance", "lingocast-conformance-strict")


def of_type(assembly: Path, stack: str, kind: str) -> list[dict[str, Any]]:
    template = json.loads((assembly / f"{stack}.template.json").read_text())
    return [
        resolve(resource["Properties"])
        for resource in template["Resources"].values()
        if resource["Type"] == kind
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_the_role_allows_only_its_log_and_its_own_connections(assembly: Path, stack: str) -> None:
    (role,) = of_type(assembly, stack, "AWS::IAM::Role")
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    logging, managing = policy["PolicyDocument"]["Statement"]
    assert logging["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logging["Resource"].partition(":log-group:")[2].endswith(">:log-stream:*")
    assert managing["Action"] == "execute-api:ManageConnections"
    stage = stack.removeprefix("lingocast-")
    assert [arn.partition(":<WebSocketApi>/")[2] for arn in managing["Resource"]] == [
        f"{stage}/{method}/@connections/*" for method in ("POST", "GET", "DELETE")
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_the_code_is_only_the_probe_and_no_resource_is_retained(assembly: Path, stack: str) -> None:
    (function,) = of_type(assembly, stack, "AWS::Lambda::Function")
    code = assembly / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    assert {path.relative_to(code).parts[:2] for path in code.rglob("*.py")} == {
        ("conformance", "probe")
    }
    assert function["Timeout"] > 29
    template = json.loads((assembly / f"{stack}.template.json").read_text())
    assert "Retain" not in {
        resource.get("DeletionPolicy") for resource in template["Resources"].values()
    }


def test_the_strict_api_has_no_default_route_and_two_identity_sources(assembly: Path) -> None:
    routes = of_type(assembly, STACKS[1], "AWS::ApiGatewayV2::Route")
    assert {route["RouteKey"] for route in routes} == {"$connect", "ask"}
    (authorizer,) = of_type(assembly, STACKS[1], "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["IdentitySource"] == [
        "route.request.querystring.token",
        "route.request.header.Host",
    ]
