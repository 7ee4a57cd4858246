"""A batch of messages as Lambda shows it to a function, and what the function's result means.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from local.runtime.invocation import MAX_PAYLOAD_BYTES
from local.services import sqs_attributes
from local.services.queues import Delivery


class _Failure(msgspec.Struct):
    message_id: str = msgspec.field(name="itemIdentifier")


class _Report(msgspec.Struct):
    failures: list[_Failure] | None = msgspec.field(name="batchItemFailures", default=None)


_HEAD, _TAIL = b'{"Records":[', b"]}"


def events(
    deliveries: Sequence[Delivery], arn: str, region: str
) -> Iterator[tuple[list[Delivery], bytes]]:
    """The batch as one event, or as several if one were larger than a payload may be."""
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
    """A message in an event."""
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
    """Which messages of a batch the function reports as failed.

    A result that is not understood, or that names a message outside of the batch, fails them all.
    """
    try:
        reported = msgspec.json.decode(result, type=_Report | None)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ids
    failures = reported.failures if reported is not None else None
    named = {failure.message_id for failure in failures or ()}
    return named if named <= ids else ids
