"""Encodes batches of SQS messages as events and decodes the failures that functions report.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from local.runtime.invocation import MAX_PAYLOAD_BYTES
from local.services import sqs_attributes
from local.services.queues import Delivery


class _ItemFailure(msgspec.Struct):
    message_id: str = msgspec.field(name="itemIdentifier")


class _BatchResult(msgspec.Struct):
    failures: list[_ItemFailure] | None = msgspec.field(name="batchItemFailures", default=None)


_HEAD, _TAIL = b'{"Records":[', b"]}"


def events(
    deliveries: Sequence[Delivery], arn: str, region: str
) -> Iterator[tuple[list[Delivery], bytes]]:
    """Encode a batch as one event, or as several if one would exceed the payload quota."""
    batch: list[Delivery] = []
    records: list[bytes] = []
    size = len(_HEAD) + len(_TAIL)
    for delivery in deliveries:
        encoded = msgspec.json.encode(record(delivery, arn, region))
        if batch and size + len(encoded) + 1 > MAX_PAYLOAD_BYTES:
            yield batch, _HEAD + b",".join(records) + _TAIL
            batch, records, size = [], [], len(_HEAD) + len(_TAIL)
        batch.append(delivery)
        records.append(encoded)
        size += len(encoded) + 1
    if batch:
        yield batch, _HEAD + b",".join(records) + _TAIL


def record(delivery: Delivery, arn: str, region: str) -> dict[str, object]:
    """The record of one message in an event."""
    content: dict[str, object] = {
        "messageId": delivery.message_id,
        "receiptHandle": delivery.receipt,
        "body": delivery.body,
        "attributes": delivery.system_attributes,
        "messageAttributes": {
            name: {
                **{key[:1].lower() + key[1:]: item for key, item in value.items()},
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, value in delivery.attributes.items()
        },
        "md5OfBody": delivery.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }
    if delivery.attributes:
        content["md5OfMessageAttributes"] = sqs_attributes.digest(delivery.attributes)
    return content


def failed_ids(result: bytes, ids: set[str]) -> set[str]:
    """The ids of the messages that a function reports as failed.

    A malformed result, or one with an unknown message id, fails the whole batch.
    """
    try:
        decoded = msgspec.json.decode(result, type=_BatchResult | None)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ids
    failures = decoded.failures if decoded is not None else None
    failed = {failure.message_id for failure in failures or ()}
    return failed if failed <= ids else ids
