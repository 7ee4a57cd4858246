"""Validation and size of message attributes."""

from __future__ import annotations

import pytest

from local.services import sqs_attributes
from local.services.queues import MessageAttributes

TEXT = {"DataType": "String", "StringValue": "bell"}


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({f"a{number}": TEXT for number in range(11)}, "exceeds 10"),
        ({"": TEXT}, "name"),
        ({"a b": TEXT}, "'a b'"),
        ({"a": {"StringValue": "x"}}, "type of message attribute 'a'"),
        ({"a": {"DataType": "Boolean", "StringValue": "x"}}, "type of message attribute 'a'"),
        ({"a": {"DataType": "String"}}, "StringValue"),
        ({"a": {"DataType": "String", "StringValue": ""}}, "StringValue"),
        ({"a": {"DataType": "Binary", "StringValue": "x"}}, "BinaryValue"),
        ({"a": {"DataType": "Binary", "BinaryValue": "?"}}, "base64"),
    ],
)
def test_invalid_attributes_are_named(attributes: MessageAttributes, named: str) -> None:
    assert named in str(sqs_attributes.find_fault(attributes))


def test_custom_types_and_numbers_are_allowed() -> None:
    attributes = {"a": TEXT, "b.c": {"DataType": "Number.int", "StringValue": "1"}}
    assert sqs_attributes.find_fault(attributes) is None


def test_size_counts_names_types_and_values_in_bytes() -> None:
    attributes = {"é": TEXT, "raw": {"DataType": "Binary", "BinaryValue": "AAEC"}}
    assert sqs_attributes.size(attributes) == (2 + 6 + 4) + (3 + 6 + 3)
