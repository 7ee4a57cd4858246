"""Attribute values: the same as boto3's, which knows all of DynamoDB's types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from shared.data_access.wire_values import from_wire, to_wire

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    # Larger whole floats are read as integers with other digits.
    | st.floats(-1e15, 1e15).filter(lambda number: number == 0 or abs(number) > 1e-30)
    | st.text()
    | st.sets(st.text(), min_size=1)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_written_values_are_read_again(values: dict[str, Any]) -> None:
    assert from_wire(to_wire(values)) == values


@given(_VALUES)
def test_boto3_reads_what_is_written(value: Any) -> None:
    written = to_wire({"a": value})["a"]

    assert TypeDeserializer().deserialize(written) == _with_decimals(value)


@given(_VALUES)
def test_values_written_by_boto3_are_read(value: Any) -> None:
    written = TypeSerializer().serialize(_with_decimals(value))

    assert from_wire({"a": written}) == {"a": value}


def test_whole_numbers_are_read_as_integers() -> None:
    read = from_wire({"a": {"N": "120"}, "b": {"N": "1.2E+2"}, "c": {"N": "1.5"}})

    assert {name: (type(value), value) for name, value in read.items()} == {
        "a": (int, 120),
        "b": (int, 120),
        "c": (float, 1.5),
    }


def test_tuples_and_frozen_sets_are_written_as_lists_and_sets() -> None:
    assert to_wire({"a": ("x", 1), "b": frozenset({"x"})}) == {
        "a": {"L": [{"S": "x"}, {"N": "1"}]},
        "b": {"SS": ["x"]},
    }


@pytest.mark.parametrize("value", [object(), b"bytes", set(), {1, 2}])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        to_wire({"a": value})


def _with_decimals(value: Any) -> Any:
    """The value with floats as boto3 requires them."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: _with_decimals(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_decimals(inner) for inner in value]
    return value
