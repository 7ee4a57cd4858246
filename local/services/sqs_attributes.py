"""Attributes that a sender gives a message: validation, size and digest.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from hashlib import md5

from local.services.queues import MessageAttributes

_MAX_ATTRIBUTES = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_STRING, _BINARY = b"\x01", b"\x02"


def find_fault(attributes: MessageAttributes) -> str | None:
    """Say what is wrong with the attributes; None if nothing is."""
    if len(attributes) > _MAX_ATTRIBUTES:
        return f"Number of message attributes [{len(attributes)}] exceeds {_MAX_ATTRIBUTES}."
    for name, value in attributes.items():
        kind = _TYPE.fullmatch(value.get("DataType", ""))
        if _NAME.fullmatch(name) is None:
            return f"The message attribute name '{name}' is invalid."
        if kind is None:
            return f"The type of message attribute '{name}' is invalid."
        if value.keys() != {"DataType", _value_key(value)} or not value[_value_key(value)]:
            return f"The message attribute '{name}' needs a non-empty {_value_key(value)} alone."
        try:
            _content(value)
        except binascii.Error:
            return f"The BinaryValue of message attribute '{name}' is not base64."
    return None


def size(attributes: MessageAttributes) -> int:
    """The number of bytes that the attributes add to the message."""
    return sum(
        len(name.encode()) + len(value["DataType"].encode()) + len(_content(value))
        for name, value in attributes.items()
    )


def digest(attributes: MessageAttributes) -> str:
    """The MD5 that SQS reports: name, type and value of each attribute, sorted by name."""
    result = md5(usedforsecurity=False)
    for name, value in sorted(attributes.items()):
        result.update(_with_length(name.encode()) + _with_length(value["DataType"].encode()))
        result.update((_BINARY if _is_binary(value) else _STRING) + _with_length(_content(value)))
    return result.hexdigest()


def _is_binary(value: Mapping[str, str]) -> bool:
    return value["DataType"].startswith("Binary")


def _value_key(value: Mapping[str, str]) -> str:
    return "BinaryValue" if _is_binary(value) else "StringValue"


def _content(value: Mapping[str, str]) -> bytes:
    if _is_binary(value):
        return base64.b64decode(value["BinaryValue"], validate=True)
    return value["StringValue"].encode()


def _with_length(part: bytes) -> bytes:
    return struct.pack("!I", len(part)) + part
