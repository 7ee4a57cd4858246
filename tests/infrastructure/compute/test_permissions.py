"""Permissions of the functions: exactly the grants of the table."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.catalogue.function_spec import FunctionSpec, Resource
from infrastructure.catalogue.function_table import FUNCTIONS
from interpreter.engines.aws import error_mapping
from tests.infrastructure.assembly import Assembly

EXECUTE_ARN = "arn:aws:execute-api:eu-central-1:123456789012:<WebSocketApi>/dev"

# Ends of resource ARNs that may contain a wildcard, and the reasons.
REASONED_WILDCARDS = {
    ":log-stream:*": "Lambda opens a stream for each execution environment, and names it",
    "/POST/@connections/*": "API Gateway names connections when they open",
    "/DELETE/@connections/*": "API Gateway names connections when they open",
}

# Actions without resource-level permissions, or without any for our use:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranscribe.html
# (and list_amazontranslate.html, list_amazonpolly.html). The engine reports a denial by name.
WITHOUT_RESOURCES = {error_mapping.TRANSCRIBE, error_mapping.TRANSLATE, error_mapping.SPEAK}

FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:lingocast-dev"

every_function = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def role_of(assembly: Assembly, spec: FunctionSpec) -> dict[str, Any]:
    logical_id = assembly.function(spec.name)["Role"].removeprefix("<").removesuffix(".Arn>")
    return assembly.of_type("AWS::IAM::Role")[logical_id]


def function_roles(assembly: Assembly) -> list[dict[str, Any]]:
    """All roles but the account's for API Gateway, which api/test_websocket_stage.py checks."""
    account = assembly.only("AWS::ApiGateway::Account")["CloudWatchRoleArn"]
    return [
        role
        for logical_id, role in assembly.of_type("AWS::IAM::Role").items()
        if account != f"<{logical_id}.Arn>"
    ]


def all_statements(assembly: Assembly) -> list[dict[str, Any]]:
    return [statement for role in function_roles(assembly) for statement in statements(role)]


@every_function
def test_each_role_has_exactly_its_grants(assembly: Assembly, spec: FunctionSpec) -> None:
    sessions, _ = assembly.table("sessions")
    connections, _ = assembly.table("connections")
    devices, _ = assembly.table("devices")
    announcements, _ = assembly.table("announcements")
    arns = {
        Resource.SESSIONS: f"<{sessions}.Arn>",
        Resource.ACTIVE_INDEX: f"<{sessions}.Arn>/index/active",
        Resource.CONNECTIONS: f"<{connections}.Arn>",
        Resource.AUDIENCE_INDEX: f"<{connections}.Arn>/index/audience",
        Resource.IDLE_INDEX: f"<{connections}.Arn>/index/idle",
        Resource.POST_TO_CONNECTION: f"{EXECUTE_ARN}/POST/@connections/*",
        Resource.CLOSE_CONNECTION: f"{EXECUTE_ARN}/DELETE/@connections/*",
        Resource.TIMER_QUEUE: f"<{assembly.queue('timers')}.Arn>",
        Resource.STATUS_QUEUE: f"<{assembly.queue('statuses')}.Arn>",
        Resource.ANNOUNCEMENTS: f"<{announcements}.Arn>",
        Resource.ANNOUNCEMENT_QUEUE: f"<{assembly.queue('announcements-queue')}.Arn>",
        Resource.LOST_EVENTS: f"<{assembly.queue('events-dead')}.Arn>",
        Resource.SYNC_SECRET: "<SyncSecret>",
        Resource.DEVICES: f"<{devices}.Arn>",
        Resource.ONLINE_INDEX: f"<{devices}.Arn>/index/online",
        Resource.BROADCAST_FUNCTION: f"{FUNCTION_ARN}-broadcast",
        Resource.DISCONNECT_FUNCTION: f"{FUNCTION_ARN}-disconnect",
        Resource.INTERPRETER_FUNCTION: f"{FUNCTION_ARN}-interpreter",
        Resource.NO_RESOURCE: "*",
    }
    log_group = assembly.function(spec.name)["LoggingConfig"]["LogGroup"]
    log_streams = f"arn:aws:logs:eu-central-1:123456789012:log-group:{log_group}:log-stream:*"
    role = role_of(assembly, spec)

    granted = {
        (action, resource)
        for statement in statements(role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }

    assert granted == {
        ("logs:CreateLogStream", log_streams),
        ("logs:PutLogEvents", log_streams),
        *(
            (action, arns[grant.resource])
            for grant in spec.grants
            for action in grant.actions or ("execute-api:ManageConnections",)
        ),
    }


def test_actions_without_resources_are_granted_to_the_interpreter_only(assembly: Assembly) -> None:
    granted = {
        (spec.name, action)
        for spec in FUNCTIONS
        for statement in statements(role_of(assembly, spec))
        if statement["Resource"] == "*"
        for action in as_list(statement["Action"])
    }

    assert granted == {("interpreter", action) for action in WITHOUT_RESOURCES}


def test_statements_only_allow(assembly: Assembly) -> None:
    for statement in all_statements(assembly):
        assert set(statement) == {"Action", "Effect", "Resource"}
        assert statement["Effect"] == "Allow"


def test_there_is_a_role_for_each_function_and_no_other_policy(assembly: Assembly) -> None:
    iam = [
        resource["Type"]
        for resource in assembly.template["Resources"].values()
        if resource["Type"].startswith("AWS::IAM::")
    ]

    roles = function_roles(assembly)
    assert len(roles) == len(FUNCTIONS)
    assert iam == ["AWS::IAM::Role"] * (len(FUNCTIONS) + 1)
    assert len({assembly.function(spec.name)["Role"] for spec in FUNCTIONS}) == len(FUNCTIONS)
    assert not [role for role in roles if "ManagedPolicyArns" in role]


def test_only_lambda_can_assume_the_roles(assembly: Assembly) -> None:
    for role in function_roles(assembly):
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_no_action_is_a_wildcard(assembly: Assembly) -> None:
    actions = [
        action for statement in all_statements(assembly) for action in as_list(statement["Action"])
    ]

    assert actions
    assert not [action for action in actions if "*" in action or "?" in action]


def test_resources_are_exact_unless_named_at_run_time(assembly: Assembly) -> None:
    resources = {
        resource
        for statement in all_statements(assembly)
        for resource in as_list(statement["Resource"])
        if not set(as_list(statement["Action"])) <= WITHOUT_RESOURCES
    }

    assert resources
    for resource in resources:
        end = next((end for end in REASONED_WILDCARDS if resource.endswith(end)), "")
        assert "*" not in resource.removesuffix(end), resource
