"""Rules in a template; what AWS would not run or not deliver stops the start, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.base.errors import TemplateError
from local.template.model import Schedule, ScheduleTarget
from local.template.stack_reader import read_stack
from tests.unit.local import assembly
from tests.unit.local.assembly import Template


def example(**more: Any) -> Template:
    template = assembly.with_routes({"$connect": "Ring"}, Ring=assembly.function("functions.ring"))
    template = assembly.with_queue(template, "Bells", "Ring")
    return assembly.with_rule(template, "Every", "Ring", "Bells", **more)


def read(folder: Path, template: Template) -> tuple[Schedule, ...]:
    return read_stack(assembly.write(folder, template)).schedules


def test_a_rule_has_its_period_and_its_targets(tmp_path: Path) -> None:
    assert read(tmp_path, example()) == (
        Schedule(
            name="fixture-dev-Every",
            arn="arn:aws:events:eu-central-1:000000000000:rule/fixture-dev-Every",
            period_seconds=60,
            targets=(
                ScheduleTarget("function", "fixture-dev-Ring"),
                ScheduleTarget("queue", "fixture-bells"),
            ),
        ),
    )


def test_a_target_may_have_an_input_of_its_own_and_retries(tmp_path: Path) -> None:
    template = example()
    (target, _) = template["Resources"]["Every"]["Properties"]["Targets"]
    target |= {"Input": '{"task": "count"}', "RetryPolicy": {"MaximumRetryAttempts": 0}}

    (schedule,) = read(tmp_path, template)

    assert schedule.targets[0] == ScheduleTarget(
        "function", "fixture-dev-Ring", '{"task": "count"}'
    )


def test_a_queue_of_lost_events_must_let_the_rule_send(tmp_path: Path) -> None:
    template = example()
    (function, queue) = template["Resources"]["Every"]["Properties"]["Targets"]
    function["DeadLetterConfig"] = {"Arn": queue["Arn"]}
    assert read(tmp_path, template)

    function["DeadLetterConfig"] = {"Arn": "arn:aws:sqs:eu-central-1:000000000000:other"}
    with pytest.raises(TemplateError, match=r"no AWS::SQS::QueuePolicy .* to arn:aws:sqs.*other"):
        read(tmp_path, template)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(5 minutes)", 300), ("rate(1 hour)", 3_600), ("rate(2 days)", 172_800)],
)
def test_periods_are_minutes_hours_or_days(tmp_path: Path, expression: str, seconds: int) -> None:
    (schedule,) = read(tmp_path, example(ScheduleExpression=expression))

    assert schedule.period_seconds == seconds


def test_a_rule_that_is_disabled_does_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, example(State="DISABLED")) == ()


def test_the_name_of_a_rule_is_what_the_template_says(tmp_path: Path) -> None:
    (schedule,) = read(tmp_path, example(Name="sweep"))

    assert (schedule.name, schedule.arn.rpartition(":")[2]) == ("sweep", "rule/sweep")


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("ScheduleExpression", "cron(0 12 * * ? *)", "cron"),
        ("ScheduleExpression", "rate(1 minutes)", "rate"),
        ("ScheduleExpression", "rate(5 minute)", "rate"),
        ("ScheduleExpression", "rate(0 minutes)", "rate"),
        ("EventPattern", {"source": ["aws.s3"]}, "EventPattern"),
        ("EventBusName", "other", "EventBusName"),
        ("RoleArn", "arn:aws:iam::0:role/x", "RoleArn"),
        ("State", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "State"),
        ("Targets", [], "Targets"),
        ("Targets", [{"Id": "x", "Arn": "arn:aws:sns:eu-central-1:0:topic"}], "arn:aws:sns"),
        (
            "Targets",
            [{"Id": "x", "Arn": {"Fn::GetAtt": ["Bells", "Arn"]}, "SqsParameters": {}}],
            "SqsParameters",
        ),
        (
            "Targets",
            [{"Id": "x", "Arn": {"Fn::GetAtt": ["Ring", "Arn"]}, "Input": "{"}],
            "Input: not JSON",
        ),
    ],
)
def test_what_is_not_understood_fails_by_name(
    tmp_path: Path, name: str, value: Any, named: str
) -> None:
    with pytest.raises(TemplateError, match=named):
        read(tmp_path, example(**{name: value}))


@pytest.mark.parametrize(
    ("missing", "named"),
    [("EveryPermission", "AWS::Lambda::Permission"), ("EveryMaySend", "AWS::SQS::QueuePolicy")],
)
def test_what_aws_would_not_deliver_fails(tmp_path: Path, missing: str, named: str) -> None:
    template = example()
    del template["Resources"][missing]

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)


def test_a_permission_of_another_rule_does_not_count(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["EveryPermission"]["Properties"]["SourceArn"] = "arn:other"

    with pytest.raises(TemplateError, match="lets it invoke fixture-dev-Ring"):
        read(tmp_path, template)


def test_a_rules_permission_is_not_that_of_the_api(tmp_path: Path) -> None:
    template = example()
    del template["Resources"]["RingPermission"]

    with pytest.raises(TemplateError, match="lets it invoke fixture-dev-Ring"):
        read(tmp_path, template)
