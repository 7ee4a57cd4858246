"""Reading scheduled rules; what AWS would not run or deliver is an error."""

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


def test_a_target_may_have_a_constant_input_and_retries(tmp_path: Path) -> None:
    template = example()
    (target, _) = template["Resources"]["Every"]["Properties"]["Targets"]
    target |= {"Input": '{"task": "count"}', "RetryPolicy": {"MaximumRetryAttempts": 0}}

    (schedule,) = read(tmp_path, template)

    assert schedule.targets[0] == ScheduleTarget(
        "function", "fixture-dev-Ring", '{"task": "count"}'
    )


def test_a_dead_letter_queue_must_allow_the_rule_to_send(tmp_path: Path) -> None:
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


def test_a_disabled_rule_is_ignored(tmp_path: Path) -> None:
    assert read(tmp_path, example(State="DISABLED")) == ()


def test_a_rule_has_the_name_in_the_template(tmp_path: Path) -> None:
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
def test_an_unsupported_property_is_named_in_the_error(
    tmp_path: Path, name: str, value: Any, named: str
) -> None:
    with pytest.raises(TemplateError, match=named):
        read(tmp_path, example(**{name: value}))


@pytest.mark.parametrize(
    ("missing", "named"),
    [("EveryPermission", "AWS::Lambda::Permission"), ("EveryMaySend", "AWS::SQS::QueuePolicy")],
)
def test_a_target_without_permission_is_an_error(tmp_path: Path, missing: str, named: str) -> None:
    template = example()
    del template["Resources"][missing]

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)


def test_a_permission_for_another_rule_does_not_count(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["EveryPermission"]["Properties"]["SourceArn"] = "arn:other"

    with pytest.raises(TemplateError, match="allows the rule to invoke fixture-dev-Ring"):
        read(tmp_path, template)


def test_a_rules_permission_does_not_count_for_the_api(tmp_path: Path) -> None:
    template = example()
    del template["Resources"]["RingPermission"]

    with pytest.raises(TemplateError, match=r"allows arn:\S+ to invoke fixture-dev-Ring"):
        read(tmp_path, template)
