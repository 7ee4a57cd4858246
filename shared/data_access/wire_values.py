"""Conversion between plain values and DynamoDB's attribute values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from shared.models.numbers import plain

Item = dict[str, Any]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def _storable(value: Any) -> Any:
    """Convert floats to Decimals, which boto3 requires."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: _storable(inner) for key, inner in value.items()}
    return value


def without_none(item: Item) -> Item:
    """Drop attributes that are None: they are absent in DynamoDB."""
    return {name: value for name, value in item.items() if value is not None}


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain values by name to attribute values for a request."""
    return {key: _serialize(_storable(value)) for key, value in values.items()}


def from_wire(values: Mapping[str, Any]) -> Item:
    """Convert attribute values by name from a response to plain values."""
    return {key: plain(_deserialize(value)) for key, value in values.items()}
