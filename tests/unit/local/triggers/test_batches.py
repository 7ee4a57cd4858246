"""SQS events, and the failures that functions report."""

from __future__ import annotations

import json

import pytest

from local.runtime.invocation import MAX_PAYLOAD_BYTES
from local.services.queues import Delivery, MessageAttributes
from local.triggers.batches import events, failed_ids

ARN = "arn:aws:sqs:eu-central-1:000000000000:bells"


def delivery(
    message_id: str = "m1", body: str = "ding", attributes: MessageAttributes | None = None
) -> Delivery:
    return Delivery(message_id, f"receipt of {message_id}", body, attributes or {}, 1_000, 2, 1_500)


def test_a_record_has_all_fields_of_lambda() -> None:
    ((batch, payload),) = events([delivery()], ARN, "eu-central-1")

    assert [item.message_id for item in batch] == ["m1"]
    assert json.loads(payload) == {
        "Records": [
            {
                "messageId": "m1",
                "receiptHandle": "receipt of m1",
                "body": "ding",
                "attributes": {
                    "ApproximateReceiveCount": "2",
                    "SentTimestamp": "1000",
                    "SenderId": "AROALINGOCASTLOCAL00:local",
                    "ApproximateFirstReceiveTimestamp": "1500",
                },
                "messageAttributes": {},
                "md5OfBody": "c2eaa4c670cd4c1c537b2a2ae4fbeb5d",
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "eu-central-1",
            }
        ]
    }


def test_message_attributes_have_lambdas_format() -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "bell"},
        "raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
    }
    ((_, payload),) = events([delivery(attributes=attributes)], ARN, "here")

    (record,) = json.loads(payload)["Records"]
    empty: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "kind": {"dataType": "String", "stringValue": "bell", **empty},
        "raw": {"dataType": "Binary", "binaryValue": "AAEC", **empty},
    }
    assert len(record["md5OfMessageAttributes"]) == 32


def test_a_batch_over_the_payload_quota_becomes_several_events() -> None:
    deliveries = [delivery(f"m{number}", "x" * 1_000_000) for number in range(10)]

    parts = list(events(deliveries, ARN, "here"))

    assert [len(batch) for batch, _ in parts] == [6, 4]
    assert all(len(payload) <= MAX_PAYLOAD_BYTES for _, payload in parts)
    assert [item.message_id for batch, _ in parts for item in batch] == [
        record["messageId"] for _, payload in parts for record in json.loads(payload)["Records"]
    ]


def test_an_empty_batch_makes_no_event() -> None:
    assert list(events([], ARN, "here")) == []


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        # Complete success, as listed in
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        ("null", ""),
        ("{}", ""),
        ('{"batchItemFailures": []}', ""),
        ('{"batchItemFailures": null}', ""),
        ('{"statusCode": 200}', ""),
        # Partial failure.
        ('{"batchItemFailures": [{"itemIdentifier": "b"}]}', "b"),
        ('{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}', "ab"),
        # Complete failure.
        ("no json", "abc"),
        ("[]", "abc"),
        ('"ok"', "abc"),
        ('{"batchItemFailures": {}}', "abc"),
        ('{"batchItemFailures": ["b"]}', "abc"),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', "abc"),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', "abc"),
        ('{"batchItemFailures": [{"messageId": "b"}]}', "abc"),
        ('{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "z"}]}', "abc"),
    ],
)
def test_a_result_determines_the_failed_messages(result: str, failed: str) -> None:
    assert failed_ids(result.encode(), {"a", "b", "c"}) == set(failed)
