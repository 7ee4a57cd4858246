"""Scheduled rules, their targets and permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from infrastructure.resources.delivery import Served
from infrastructure.resources.schedules import Schedules
from tests.infrastructure.assembly import Assembly

EVENTS = "events.amazonaws.com"


@pytest.fixture
def resources(tmp_path: Path) -> dict[str, Any]:
    """A stack with a function that is invoked every minute, its queue, and one every 5 minutes."""
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    stack = cdk.Stack(app, "fixture")
    function = lambda_.CfnFunction(
        stack,
        "StatusFunction",
        function_name="fixture-status",
        code=lambda_.CfnFunction.CodeProperty(zip_file="pass"),
        role="arn:aws:iam::0:role/x",
    )
    queue = sqs.Queue(stack, "Later", enforce_ssl=True)
    schedules = Schedules(stack, sqs.Queue(stack, "Lost", queue_name="lost", enforce_ssl=True))
    schedules.every_minute(Served(function), then_queue=queue)
    schedules.every(5, Served(function), given={"task": "count"})
    found: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    return found


def test_the_timeout_function_sweeps_every_minute(assembly: Assembly) -> None:
    (rule,) = (
        rule
        for rule in assembly.of_type("AWS::Events::Rule").values()
        if rule["Name"] == "lingocast-dev-timeout-every-1-minute"
    )

    assert [assembly.function_named_by(target["Arn"]) for target in rule["Targets"]] == ["timeout"]


def only(resources: dict[str, Any], kind: str, **having: object) -> tuple[str, dict[str, Any]]:
    (found,) = (
        (logical_id, resource.get("Properties", {}))
        for logical_id, resource in resources.items()
        if resource["Type"] == kind and having.items() <= resource.get("Properties", {}).items()
    )
    return found


def rule_queue(resources: dict[str, Any]) -> str:
    """Logical ID of the queue that a rule sends to."""
    (found,) = (
        logical_id
        for logical_id, item in resources.items()
        if item["Type"] == "AWS::SQS::Queue" and "QueueName" not in item.get("Properties", {})
    )
    return found


def test_function_and_queue_get_the_same_event(resources: dict[str, Any]) -> None:
    _, rule = only(resources, "AWS::Events::Rule", ScheduleExpression="rate(1 minute)")
    queue = rule_queue(resources)

    assert rule["Name"] == "fixture-status-every-1-minute"
    assert rule["State"] == "ENABLED"
    assert [target["Arn"] for target in rule["Targets"]] == [
        {"Fn::GetAtt": ["StatusFunction", "Arn"]},
        {"Fn::GetAtt": [queue, "Arn"]},
    ]
    assert not any("Input" in target for target in rule["Targets"])


def test_a_constant_replaces_the_event(resources: dict[str, Any]) -> None:
    _, rule = only(resources, "AWS::Events::Rule", ScheduleExpression="rate(5 minutes)")

    assert [target["Input"] for target in rule["Targets"]] == ['{"task": "count"}']


def test_only_its_rule_may_invoke_a_function(
    resources: dict[str, Any],
) -> None:
    rules = {
        logical_id for logical_id, item in resources.items() if item["Type"] == "AWS::Events::Rule"
    }
    permissions = [
        item["Properties"]
        for item in resources.values()
        if item["Type"] == "AWS::Lambda::Permission"
    ]

    assert {item["Principal"] for item in permissions} == {EVENTS}
    assert {item["SourceArn"]["Fn::GetAtt"][0] for item in permissions} == rules


def test_only_its_rule_may_send_to_a_queue(
    resources: dict[str, Any],
) -> None:
    rule, _ = only(resources, "AWS::Events::Rule", ScheduleExpression="rate(1 minute)")
    queue = rule_queue(resources)
    _, policy = only(resources, "AWS::SQS::QueuePolicy", Queues=[{"Ref": queue}])

    (allowed,) = (
        statement
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    )
    assert allowed == {
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
        "Effect": "Allow",
        "Principal": {"Service": EVENTS},
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
    }
