"""What SQS's operations are asked for, and the rules for it, in the words of SQS's errors.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from local.services import sqs_attributes

# A message with its attributes, and a batch of messages:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FORBIDDEN_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEGACY_PREFIX = "AWS.SimpleQueueService."

_Delay = Annotated[int, msgspec.Meta(ge=0, le=900)]
_Visibility = Annotated[int, msgspec.Meta(ge=0, le=43_200)]
_Attributes = dict[str, dict[str, str]]


class Input(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    pass


class OfQueue(Input, kw_only=True):
    queue_url: str


class OfName(Input):
    queue_name: str


class Sent(Input, kw_only=True):
    message_body: str
    delay_seconds: _Delay | None = None
    message_attributes: _Attributes = {}


class Send(Sent, kw_only=True):
    queue_url: str


class SentEntry(Sent, kw_only=True):
    id: str


class SendBatch(OfQueue, kw_only=True):
    entries: list[SentEntry]


class Receive(OfQueue, kw_only=True):
    max_number_of_messages: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    wait_time_seconds: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    visibility_timeout: _Visibility | None = None
    attribute_names: list[str] = []
    message_system_attribute_names: list[str] = []
    message_attribute_names: list[str] = []


class Delete(OfQueue, kw_only=True):
    receipt_handle: str


class DeletedEntry(Input, kw_only=True):
    id: str
    receipt_handle: str


class DeleteBatch(OfQueue, kw_only=True):
    entries: list[DeletedEntry]


class ChangeVisibility(OfQueue, kw_only=True):
    receipt_handle: str
    visibility_timeout: _Visibility


class GetAttributes(OfQueue, kw_only=True):
    attribute_names: list[str] = []


class ApiError(Exception):
    """An answer with status 400; `legacy` is what the error was called before JSON."""

    def __init__(self, kind: str, message: str, legacy: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.legacy = kind if legacy is None else _LEGACY_PREFIX + legacy


def check_message(message: Sent) -> int:
    """The size of a message in bytes. Raises ApiError."""
    if not message.message_body:
        raise ApiError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FORBIDDEN_CHARACTER.search(message.message_body):
        raise ApiError("InvalidMessageContents", "Invalid characters found in MessageBody.")
    fault = sqs_attributes.fault(message.message_attributes)
    if fault is not None:
        raise ApiError("InvalidParameterValue", fault)
    size = len(message.message_body.encode()) + sqs_attributes.size(message.message_attributes)
    if size > MAX_MESSAGE_BYTES:
        raise ApiError(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than "
            f"{MAX_MESSAGE_BYTES} bytes.",
        )
    return size


def check_batch(messages: Sequence[SentEntry]) -> None:
    """Refuse messages that cannot be sent together. Raises ApiError."""
    check_entries([item.id for item in messages])
    total = sum(map(check_message, messages))
    if total > MAX_MESSAGE_BYTES:
        message = f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes, not {total}."
        raise ApiError("BatchRequestTooLong", message, "BatchRequestTooLong")


def check_entries(ids: Sequence[str]) -> None:
    """Refuse a batch whose entries cannot be told apart. Raises ApiError."""
    for kind, wrong, message in (
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
        if wrong:
            raise ApiError(kind, message, kind)
