"""Reading roles from a template; unsupported elements are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.base.errors import TemplateError
from local.template.model import Role, Statement
from local.template.stack_reader import read_stack
from tests.unit.local import assembly
from tests.unit.local.assembly import Template, allow

TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/fixture-notes"
NOTES = {"Fn::GetAtt": ["Notes", "Arn"]}


def example(*statements: dict[str, Any]) -> Template:
    template = assembly.with_routes(
        {"$default": "Talk"}, set(), Talk=assembly.function("functions.talk")
    )
    template["Resources"]["Role"] = assembly.role(*statements)
    return template


def role(folder: Path, template: Template) -> Role:
    return read_stack(assembly.write(folder, template)).functions["fixture-dev-Talk"].role


def test_inline_policies_are_read_with_resolved_intrinsics(tmp_path: Path) -> None:
    template = example(
        allow("dynamodb:GetItem", NOTES),
        allow(["dynamodb:Query", "dynamodb:Scan"], [{"Fn::Sub": "${Notes.Arn}/index/*"}, "*"]),
    )
    assert role(tmp_path, template) == Role(
        "fixture-dev-Role",
        (
            Statement(("dynamodb:GetItem",), (TABLE,)),
            Statement(("dynamodb:Query", "dynamodb:Scan"), (f"{TABLE}/index/*", "*")),
        ),
    )


def test_a_role_without_policies_allows_nothing(tmp_path: Path) -> None:
    assert role(tmp_path, example()).statements == ()


def test_attached_policies_apply_to_the_roles_they_name(tmp_path: Path) -> None:
    template = example(allow("dynamodb:GetItem", NOTES))
    template["Resources"]["More"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "more",
            "PolicyDocument": {"Statement": allow("dynamodb:PutItem", NOTES)},
            "Roles": [{"Ref": "Role"}],
        },
    }
    template["Resources"]["Other"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "other",
            "PolicyDocument": {"Statement": [allow("dynamodb:Scan", "*")]},
            "Roles": ["somebody-else"],
        },
    }
    actions = [statement.actions for statement in role(tmp_path, template).statements]
    assert actions == [("dynamodb:GetItem",), ("dynamodb:PutItem",)]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (allow("dynamodb:GetItem", NOTES) | {"Effect": "Deny"}, "'Deny'"),
        (allow("dynamodb:GetItem", NOTES) | {"Condition": {"Bool": {}}}, "Condition"),
        ({"Effect": "Allow", "NotAction": "x:Y", "Resource": "*"}, "NotAction"),
        ({"Effect": "Allow", "Action": "x:Y", "NotResource": "*"}, "NotResource"),
        ({"Effect": "Allow", "Action": "x:Y"}, "Resource"),
        (allow("GetItem", NOTES), "'GetItem'"),
        (allow("dynamodb:GetItem", "notes"), "'notes'"),
        (allow("dynamodb:GetItem", "arn:aws:s3:::home/${aws:username}"), "aws:username"),
    ],
)
def test_an_unsupported_statement_is_an_error(
    tmp_path: Path, statement: dict[str, Any], named: str
) -> None:
    with pytest.raises(TemplateError, match="Role") as error:
        role(tmp_path, example(statement))
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}, "ReadOnlyAccess"),
        ({"PermissionsBoundary": "arn:aws:iam::aws:policy/Some"}, "PermissionsBoundary"),
        ({"AssumeRolePolicyDocument": {"Statement": []}}, "lambda.amazonaws.com"),
        ({"Novelty": 1}, "Novelty"),
    ],
)
def test_an_unsupported_role_is_an_error(
    tmp_path: Path, properties: dict[str, Any], named: str
) -> None:
    template = example()
    template["Resources"]["Role"]["Properties"] |= properties
    with pytest.raises(TemplateError, match=named):
        role(tmp_path, template)


def test_a_managed_policy_of_the_stack_is_an_error(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["Shared"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {}}
    with pytest.raises(TemplateError, match="AWS::IAM::ManagedPolicy"):
        role(tmp_path, template)


def test_roles_of_other_services_are_ignored(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["Logging"] = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": []},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/Some"],
        },
    }
    assert role(tmp_path, template).name == "fixture-dev-Role"


def test_a_function_must_have_a_role_of_the_template(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["Talk"]["Properties"]["Role"] = "arn:aws:iam::000000000000:role/x"
    with pytest.raises(TemplateError, match="role/x"):
        role(tmp_path, template)


def test_a_role_of_api_gateway_does_not_affect_functions(tmp_path: Path) -> None:
    template = example(allow("dynamodb:GetItem", NOTES))
    logs = assembly.role()
    (trust,) = logs["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"Service": "apigateway.amazonaws.com"}
    logs["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/service-role/Logs"]
    template["Resources"]["GatewayLogs"] = logs
    assert role(tmp_path, template).statements == (Statement(("dynamodb:GetItem",), (TABLE,)),)
