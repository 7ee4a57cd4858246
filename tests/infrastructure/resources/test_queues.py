"""Queues of delayed messages, their event sources, and dead letters."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import ANNOUNCEMENTS, SESSION_STATUS, TIMEOUT
from tests.infrastructure.assembly import Assembly

every_queue = pytest.mark.parametrize(
    ("name", "function", "tries", "again"),
    [
        ("timers", TIMEOUT, 5, 6 * TIMEOUT.timeout_seconds),
        ("statuses", SESSION_STATUS, 2, 6 * SESSION_STATUS.timeout_seconds),
        # Short, so that a failed replay is retried soon.
        ("announcements-queue", ANNOUNCEMENTS, 20, 60),
    ],
)


def source_of(assembly: Assembly, name: str) -> dict[str, Any]:
    (source,) = (
        item
        for item in assembly.of_type("AWS::Lambda::EventSourceMapping").values()
        if item["EventSourceArn"] == f"<{assembly.queue(name)}.Arn>"
    )
    return source


@every_queue
def test_messages_invoke_their_function_in_batches_with_partial_failures(
    assembly: Assembly, name: str, function: FunctionSpec, tries: int, again: int
) -> None:
    source = source_of(assembly, name)

    target = assembly.of_type("AWS::Lambda::Function")[source["FunctionName"].strip("<>")]
    assert target["Handler"] == f"lambda.{function.name}.handler.lambda_handler"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == 10


@every_queue
def test_a_failing_message_is_retried_and_becomes_a_dead_letter(
    assembly: Assembly, name: str, function: FunctionSpec, tries: int, again: int
) -> None:
    queue = assembly.of_type("AWS::SQS::Queue")[assembly.queue(name)]

    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": f"<{assembly.queue(f'{name}-dead')}.Arn>",
        "maxReceiveCount": tries,
    }
    # Lambda requires a visibility timeout of at least the function's timeout.
    assert queue["VisibilityTimeout"] == again >= function.timeout_seconds
    # Long enough for all attempts.
    assert queue["MessageRetentionPeriod"] > tries * queue["VisibilityTimeout"]


def test_there_are_no_other_queues(assembly: Assembly) -> None:
    assert len(assembly.of_type("AWS::SQS::Queue")) == 7
    assert len(assembly.of_type("AWS::Lambda::EventSourceMapping")) == 3


def test_failed_events_of_lambda_are_kept_and_raise_an_alarm(assembly: Assembly) -> None:
    """This holds for all asynchronous invocations but the interpreter's, which contain a ticket."""
    kept = f"<{assembly.queue('events-dead')}.Arn>"
    configured = {
        assembly.of_type("AWS::Lambda::Function")[item["FunctionName"].strip("<>")]["Handler"]: item
        for item in assembly.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    keeping = {
        handler.split(".")[1]
        for handler, item in configured.items()
        if item.get("DestinationConfig") == {"OnFailure": {"Destination": kept}}
    }
    ruled = {
        assembly.function_named_by(target["Arn"])
        for rule in assembly.of_type("AWS::Events::Rule").values()
        for target in rule["Targets"]
        if "Function." in target["Arn"]
    }

    assert keeping == {*ruled, "disconnect"}
    assert "DestinationConfig" not in configured["lambda.interpreter.handler.lambda_handler"]
    (alarm,) = (
        alarm
        for alarm in assembly.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["AlarmName"] == "lingocast-dev-dead-letters"
    )
    assert "lingocast-dev-events-dead" in str(alarm["Metrics"])


def test_undeliverable_events_of_rules_are_kept(assembly: Assembly) -> None:
    queue = assembly.queue("events-dead")
    rules = assembly.of_type("AWS::Events::Rule")
    (policy,) = (
        item["PolicyDocument"]["Statement"]
        for item in assembly.of_type("AWS::SQS::QueuePolicy").values()
        if item["Queues"] == [f"<{queue}>"]
    )

    assert {
        target["DeadLetterConfig"]["Arn"] for rule in rules.values() for target in rule["Targets"]
    } == {f"<{queue}.Arn>"}
    assert {
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        for statement in policy
        if statement["Effect"] == "Allow"
    } == {f"<{rule}.Arn>" for rule in rules}


def test_statuses_are_due_every_half_minute(assembly: Assembly) -> None:
    queue_id = assembly.queue("statuses")
    queue = assembly.of_type("AWS::SQS::Queue")[queue_id]
    (rule,) = (
        item
        for item in assembly.of_type("AWS::Events::Rule").values()
        if f"<{queue_id}.Arn>" in [target["Arn"] for target in item["Targets"]]
    )

    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert [target["Input"] for target in rule["Targets"]] == ['{"type": "statusTick"}'] * 2
    # What the rule sends at once comes to the function directly, and then from the queue.
    assert queue["DelaySeconds"] == 30


@pytest.mark.parametrize("name", ["timers", "timers-dead", "statuses", "statuses-dead"])
def test_messages_are_encrypted_at_rest_and_in_transit(assembly: Assembly, name: str) -> None:
    queue_id = assembly.queue(name)
    assert assembly.of_type("AWS::SQS::Queue")[queue_id]["SqsManagedSseEnabled"] is True

    (policy,) = (
        item["PolicyDocument"]["Statement"]
        for item in assembly.of_type("AWS::SQS::QueuePolicy").values()
        if item["Queues"] == [f"<{queue_id}>"]
    )
    assert {
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": f"<{queue_id}.Arn>",
    } in policy
