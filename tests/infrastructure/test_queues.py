"""The queue of timers and what it feeds."""

from __future__ import annotations

import pytest

from infrastructure.routes import TIMEOUT
from tests.infrastructure.assembly import Assembly


def test_timers_invoke_the_timeout_function_in_batches_that_fail_in_part(
    assembly: Assembly,
) -> None:
    source = assembly.only("AWS::Lambda::EventSourceMapping")

    assert source["EventSourceArn"] == f"<{assembly.queue('timers')}.Arn>"
    function = assembly.of_type("AWS::Lambda::Function")[source["FunctionName"].strip("<>")]
    assert function["Handler"] == "lambda.timeout.handler.lambda_handler"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == 10


def test_a_failing_timer_is_tried_again_and_ends_among_the_dead_letters(
    assembly: Assembly,
) -> None:
    timers = assembly.of_type("AWS::SQS::Queue")[assembly.queue("timers")]

    assert timers["RedrivePolicy"] == {
        "deadLetterTargetArn": f"<{assembly.queue('timers-dead')}.Arn>",
        "maxReceiveCount": 5,
    }
    # Lambda refuses a queue that shows a message again while the function may still work on it.
    assert timers["VisibilityTimeout"] == 6 * TIMEOUT.timeout_seconds


@pytest.mark.parametrize("name", ["timers", "timers-dead"])
def test_messages_are_encrypted_at_rest_and_on_the_way(assembly: Assembly, name: str) -> None:
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
