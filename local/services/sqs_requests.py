"""Requests of SQS's operations and the checks on them, with the texts of SQS's errors.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from local.services import sqs_attributes

# Of a message with its attributes, and of a whole batch:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FORBIDDEN_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEGACY_PREFIX = "AWS.SimpleQueueService."


class _Request(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    pass


class _QueueRequest(_Request, kw_only=True):
    queue_url: str


class Message(_Request, kw_only=True):
    message_body: str
    delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=900)] | None = None
    message_attributes: dict[str, dict[str, str]] = {}


class SendMessage(Message, kw_only=True):
    queue_url: str


class BatchEntry(Message, kw_only=True):
    id: str


class SendMessageBatch(_QueueRequest, kw_only=True):
    entries: list[BatchEntry]


class ReceiveMessage(_QueueRequest, kw_only=True):
    max_number_of_messages: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    wait_time_seconds: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    visibility_timeout: Annotated[int, msgspec.Meta(ge=0, le=43_200)] | None = None
    attribute_names: list[str] = []
    message_system_attribute_names: list[str] = []
    message_attribute_names: list[str] = []


class DeleteMessage(_QueueRequest, kw_only=True):
    receipt_handle: str


class GetQueueUrl(_Request):
    queue_name: str


class GetQueueAttributes(_QueueRequest, kw_only=True):
    attribute_names: list[str] = []


class SqsError(Exception):
    """An error answered with status 400; `legacy` is its code in the query protocol."""

    def __init__(self, code: str, message: str, legacy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.legacy = code if legacy is None else _LEGACY_PREFIX + legacy


def check_message(message: Message) -> int:
    """Return the size of a valid message in bytes. Raises SqsError."""
    if not message.message_body:
        raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FORBIDDEN_CHARACTER.search(message.message_body):
        raise SqsError("InvalidMessageContents", "Invalid characters found in MessageBody.")
    fault = sqs_attributes.find_fault(message.message_attributes)
    if fault is not None:
        raise SqsError("InvalidParameterValue", fault)
    size = len(message.message_body.encode()) + sqs_attributes.size(message.message_attributes)
    if size > MAX_MESSAGE_BYTES:
        raise SqsError(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than "
            f"{MAX_MESSAGE_BYTES} bytes.",
        )
    return size


def check_batch(entries: Sequence[BatchEntry]) -> None:
    """Check the messages of a batch and their ids. Raises SqsError."""
    ids = [entry.id for entry in entries]
    for code, is_wrong, message in (
        ("EmptyBatchRequest", not ids, "There should be at least one entry in the request."),
        (
            "TooManyEntriesInBatchRequest",
            len(ids) > _MAX_ENTRIES,
            f"Maximum number of entries per request are {_MAX_ENTRIES}. You have sent {len(ids)}.",
        ),
        (
            "BatchEntryIdsNotDistinct",
            len(set(ids)) < len(ids),
            "Two or more batch entries in the request have the same Id.",
        ),
        (
            "InvalidBatchEntryId",
            not all(map(_ENTRY_ID.fullmatch, ids)),
            "An entry's Id has 1 to 80 letters, digits, hyphens and underscores.",
        ),
    ):
        if is_wrong:
            raise SqsError(code, message, code)
    total = sum(map(check_message, entries))
    if total > MAX_MESSAGE_BYTES:
        message = f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes, not {total}."
        raise SqsError("BatchRequestTooLong", message, "BatchRequestTooLong")
