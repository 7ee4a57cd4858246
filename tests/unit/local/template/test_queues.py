"""Reading queues and event source mappings; what AWS would reject is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.base.errors import TemplateError
from local.template.model import EventSourceMapping, Queue, RedrivePolicy, Stack
from local.template.stack_reader import read_stack
from tests.unit.local import assembly
from tests.unit.local.assembly import Template

ARN = "arn:aws:sqs:eu-central-1:000000000000:"


def example() -> Template:
    template = assembly.with_routes(
        {"$connect": "Ring"},
        Ring=assembly.function(
            "functions.ring",
            timeout=5,
            QUEUE={"Ref": "Bells"},
            NAME={"Fn::GetAtt": ["Bells", "QueueName"]},
        ),
    )
    return assembly.with_queue(template, "Bells", "Ring")


def read(folder: Path, template: Template) -> Stack:
    return read_stack(assembly.write(folder, template))


def test_a_queue_has_its_attributes_and_redrive_policy(tmp_path: Path) -> None:
    assert read(tmp_path, example()).queues == (
        Queue("fixture-dev-BellsDead", f"{ARN}fixture-dev-BellsDead", retention_seconds=1_209_600),
        Queue(
            name="fixture-bells",
            arn=f"{ARN}fixture-bells",
            delay_seconds=1,
            visibility_timeout_seconds=30,
            retention_seconds=345_600,
            dead_letters=RedrivePolicy("fixture-dev-BellsDead", 3),
        ),
    )


def test_a_mapping_names_queue_and_function(tmp_path: Path) -> None:
    assert read(tmp_path, example()).event_source_mappings == (
        EventSourceMapping("fixture-bells", "fixture-dev-Ring", report_failures=True),
    )


def test_a_mapping_may_set_batch_size_window_and_concurrency(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["BellsSource"]["Properties"] |= {
        "BatchSize": 25,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionName": {"Fn::GetAtt": ["Ring", "Arn"]},
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    del template["Resources"]["BellsSource"]["Properties"]["FunctionResponseTypes"]

    assert read(tmp_path, template).event_source_mappings == (
        EventSourceMapping("fixture-bells", "fixture-dev-Ring", 25, 1, False, 2),
    )


def test_a_disabled_mapping_is_ignored(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["BellsSource"]["Properties"]["Enabled"] = False

    assert read(tmp_path, template).event_source_mappings == ()


def test_functions_get_the_queues_url_and_name(tmp_path: Path) -> None:
    environment = read(tmp_path, example()).functions["fixture-dev-Ring"].environment

    assert environment == {
        "QUEUE": "https://sqs.eu-central-1.amazonaws.com/000000000000/fixture-bells",
        "NAME": "fixture-bells",
    }


@pytest.mark.parametrize(
    ("logical_id", "name", "value", "named"),
    [
        ("Bells", "FifoQueue", True, "FifoQueue"),
        ("Bells", "KmsMasterKeyId", "alias/x", "KmsMasterKeyId"),
        ("Bells", "DelaySeconds", 901, "DelaySeconds is 901; expected 0 to 900"),
        ("Bells", "VisibilityTimeout", 43_201, "VisibilityTimeout"),
        ("Bells", "MessageRetentionPeriod", 59, "MessageRetentionPeriod"),
        ("Bells", "MessageRetentionPeriod", "long", "whole number"),
        ("Bells", "RedrivePolicy", {"maxReceiveCount": 1}, "deadLetterTargetArn"),
        ("Bells", "RedrivePolicy", "{}", "RedrivePolicy"),
        (
            "Bells",
            "RedrivePolicy",
            {"deadLetterTargetArn": "arn:other", "maxReceiveCount": 1},
            "arn:other is not a queue",
        ),
        (
            "Bells",
            "RedrivePolicy",
            {
                "deadLetterTargetArn": {"Fn::GetAtt": ["BellsDead", "Arn"]},
                "maxReceiveCount": 0,
            },
            "maxReceiveCount is 0",
        ),
        (
            "Bells",
            "RedrivePolicy",
            {"deadLetterTargetArn": f"{ARN}fixture-bells", "maxReceiveCount": 1},
            "dead-letter queue of its own",
        ),
        ("Bells", "VisibilityTimeout", 4, "4 seconds is less than Function timeout: 5 seconds"),
        ("BellsSource", "EventSourceArn", "arn:aws:kinesis:x", "EventSourceArn"),
        ("BellsSource", "FunctionName", "nobody", "nobody is not a function"),
        ("BellsSource", "FilterCriteria", {}, "FilterCriteria"),
        ("BellsSource", "BatchSize", 11, "MaximumBatchingWindowInSeconds"),
        ("BellsSource", "FunctionResponseTypes", ["Other"], "ReportBatchItemFailures"),
        ("BellsSource", "ScalingConfig", {"MaximumConcurrency": 1}, "MaximumConcurrency is 1"),
        ("BellsSource", "ScalingConfig", 5, "ScalingConfig"),
        ("BellsSource", "Enabled", "maybe", "Enabled"),
        ("BellsDead", "TopicArn", {"Fn::GetAtt": ["Bells", "Size"]}, "TopicArn"),
        ("Ring", "Handler", {"Fn::GetAtt": ["Bells", "Size"]}, "Bells.Size"),
    ],
)
def test_an_unsupported_or_invalid_property_is_named_in_the_error(
    tmp_path: Path, logical_id: str, name: str, value: Any, named: str
) -> None:
    template = example()
    template["Resources"][logical_id]["Properties"][name] = value

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)
