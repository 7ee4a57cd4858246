"""Plain values as DynamoDB's own, and back."""

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
    """Floats as the Decimals that boto3 insists on; everything else as it is."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: _storable(inner) for key, inner in value.items()}
    return value


def present(item: Item) -> Item:
    """An item without what is None: DynamoDB has no such attributes."""
    return {name: value for name, value in item.items() if value is not None}


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, as requests have them."""
    return {key: _serialize(_storable(value)) for key, value in values.items()}


def from_wire(values: Mapping[str, Any]) -> Item:
    """Values by name, as answers have them."""
    return {key: plain(_deserialize(value)) for key, value in values.items()}
