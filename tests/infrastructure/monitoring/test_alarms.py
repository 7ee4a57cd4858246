"""Alarms: they watch emitted metrics, notify a topic and have a description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.stage.config import STAGES
from shared.utils.telemetry import PowertoolsTelemetry
from tests.infrastructure.assembly import NO_BUNDLING, ROOT, Assembly, synthesize

# Missing data is breaching for scheduled work only.
HEARTBEATS = {"presence-missed", "statuses-missed", "sweep-missed"}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
MOST_METRICS = 10

Metric = dict[str, Any]


def metrics_of(alarm: dict[str, Any]) -> list[Metric]:
    """Namespace, name and dimensions of each metric of an alarm."""
    stats = [
        item["MetricStat"]["Metric"] for item in alarm.get("Metrics", ()) if "MetricStat" in item
    ]
    found = stats or [alarm]
    return [
        {
            "namespace": item["Namespace"],
            "name": item["MetricName"],
            "dimensions": {each["Name"]: each["Value"] for each in item.get("Dimensions", ())},
        }
        for item in found
    ]


def alarms(assembly: Assembly) -> dict[str, dict[str, Any]]:
    prefix = f"lingocast-{assembly.stage}-"
    return {
        alarm["AlarmName"].removeprefix(prefix): alarm
        for alarm in assembly.of_type("AWS::CloudWatch::Alarm").values()
    }


def metrics(assembly: Assembly, namespace: str) -> Iterator[Metric]:
    for alarm in alarms(assembly).values():
        yield from (item for item in metrics_of(alarm) if item["namespace"] == namespace)


def test_the_number_of_alarms_is_small(assembly: Assembly, prod: Assembly) -> None:
    assert alarms(assembly).keys() == alarms(prod).keys()
    assert 8 <= len(alarms(assembly)) <= 26


def test_each_alarm_is_valid_and_treats_missing_data_as_expected(
    assembly: Assembly,
) -> None:
    for name, alarm in alarms(assembly).items():
        assert len(metrics_of(alarm)) <= MOST_METRICS, name
        missing = "breaching" if name in HEARTBEATS else "notBreaching"
        assert alarm["TreatMissingData"] == missing, name


def test_our_metrics_have_the_dimensions_of_powertools(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = list(metrics(assembly, "Lingocast"))
    assert ours
    for metric in ours:
        service = metric["dimensions"]["service"]
        (variables,) = (
            function["Environment"]["Variables"]
            for function in assembly.of_type("AWS::Lambda::Function").values()
            if function["FunctionName"] == service
        )
        for name, value in variables.items():
            if name.startswith("POWERTOOLS_"):
                monkeypatch.setenv(name, value)
        telemetry = PowertoolsTelemetry()
        telemetry.count(metric["name"], 1, sessionId="a context is no dimension")
        telemetry.flush()

        emitted = json.loads(capsys.readouterr().out)
        (directive,) = emitted["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == metric["namespace"]
        assert [item["Name"] for item in directive["Metrics"]] == [metric["name"]]
        assert directive["Dimensions"] == [list(metric["dimensions"])]
        assert {key: emitted[key] for key in metric["dimensions"]} == metric["dimensions"]


def test_our_metrics_are_emitted_somewhere(assembly: Assembly) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))

    for metric in metrics(assembly, "Lingocast"):
        assert f'"{metric["name"]}"' in sources


def test_dimensions_name_existing_functions_tables_and_queues(assembly: Assembly) -> None:
    named = {
        "FunctionName": assembly.of_type("AWS::Lambda::Function"),
        "TableName": assembly.of_type("AWS::DynamoDB::Table"),
        "QueueName": assembly.of_type("AWS::SQS::Queue"),
    }
    seen = set()
    for namespace in ("AWS/Lambda", "AWS/DynamoDB", "AWS/SQS"):
        for metric in metrics(assembly, namespace):
            for dimension in named.keys() & metric["dimensions"].keys():
                names = {item[dimension] for item in named[dimension].values()}
                assert metric["dimensions"][dimension] in names
                seen.add(dimension)
    assert seen == named.keys()


def test_throttling_of_every_table_and_index_is_watched(assembly: Assembly) -> None:
    watched = {
        (item["dimensions"]["TableName"], item["dimensions"].get("GlobalSecondaryIndexName"))
        for item in metrics(assembly, "AWS/DynamoDB")
        if item["name"] == "WriteThrottleEvents"
    }
    existing = {
        (table["TableName"], index)
        for table in assembly.of_type("AWS::DynamoDB::Table").values()
        for index in (
            None,
            *(item["IndexName"] for item in table.get("GlobalSecondaryIndexes", [])),
        )
    }

    assert watched == existing


def test_every_dead_letter_queue_is_watched(assembly: Assembly) -> None:
    watched = {item["dimensions"]["QueueName"] for item in metrics(assembly, "AWS/SQS")}

    assert watched == {
        queue["QueueName"]
        for queue in assembly.of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" not in queue
    }


def test_every_rule_is_watched(assembly: Assembly) -> None:
    watched = {item["dimensions"]["RuleName"] for item in metrics(assembly, "AWS/Events")}

    assert watched == {rule["Name"] for rule in assembly.of_type("AWS::Events::Rule").values()}


def test_missing_scheduled_work_raises_an_alarm(assembly: Assembly) -> None:
    for name in HEARTBEATS:
        alarm = alarms(assembly)[name]
        assert (alarm["Statistic"], alarm["Threshold"]) == ("SampleCount", 1)
        assert alarm["ComparisonOperator"] == "LessThanThreshold"


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("fanout-late", "FanoutDuration"),
        ("relay-late", "SyncRelayDuration"),
        ("status-late", "StatusQueryLatency"),
    ],
)
def test_duration_alarms_use_the_p99(assembly: Assembly, name: str, metric: str) -> None:
    alarm = alarms(assembly)[name]
    found = [item["MetricStat"] for item in alarm.get("Metrics", ()) if "MetricStat" in item]

    assert {item["name"] for item in metrics_of(alarm)} == {metric}
    statistics = [item["Stat"] for item in found] or [alarm["ExtendedStatistic"]]
    assert set(statistics) == {"p99"}


def test_only_prods_alarms_notify_a_topic(assembly: Assembly, prod: Assembly) -> None:
    assert not [alarm for alarm in alarms(assembly).values() if "AlarmActions" in alarm]
    (topic,) = prod.of_type("AWS::SNS::Topic")
    for alarm in alarms(prod).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [f"<{topic}>"]
    assert not prod.of_type("AWS::SNS::Subscription")


def test_an_address_subscribes_to_the_topic(tmp_path: Path) -> None:
    context = {**NO_BUNDLING, "alarmEmail": "ops@example.org"}
    subscribed = synthesize(tmp_path / "cdk.out", context=context)

    subscription = subscribed.only("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.org")
    assert [alarm for alarm in alarms(subscribed).values() if "AlarmActions" in alarm]


def test_the_topic_is_encrypted_with_a_key_that_alarms_may_use(prod: Assembly) -> None:
    (key,) = prod.of_type("AWS::KMS::Key")
    assert prod.only("AWS::SNS::Topic")["KmsMasterKeyId"] == f"<{key}.Arn>"
    policies = (
        (prod.only("AWS::KMS::Key")["KeyPolicy"], "kms:GenerateDataKey*"),
        (prod.only("AWS::SNS::TopicPolicy")["PolicyDocument"], "sns:Publish"),
    )
    for policy, action in policies:
        (statement,) = (
            item
            for item in policy["Statement"]
            if item["Effect"] == "Allow"
            and item["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        )
        assert action in statement["Action"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_quota_alarm_follows_the_quota(prod: Assembly) -> None:
    quota = STAGES["prod"].api_requests_per_second

    assert alarms(prod)["gateway-quota"]["Threshold"] == quota * 60 * 0.8


def test_a_metric_that_was_never_emitted_does_not_silence_the_others(assembly: Assembly) -> None:
    sums = {
        query["Expression"]
        for alarm in alarms(assembly).values()
        for query in alarm.get("Metrics", ())
        if "FILL" in query.get("Expression", "")
    }

    assert sums
    for expression in sums:
        assert re.fullmatch(r"(SUM|MAX)\(\[(FILL\(\w+, 0\)(, )?)+\]\)", expression)
