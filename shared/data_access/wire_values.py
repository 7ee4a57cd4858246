"""Conversion between plain values and DynamoDB's attribute values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from shared.models.numbers import plain

Item = dict[str, Any]


def without_none(item: Item) -> Item:
    """Drop attributes that are None: they are absent in DynamoDB."""
    return {name: value for name, value in item.items() if value is not None}


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain values by name to attribute values for a request.

    Plain values are None, booleans, numbers, strings, sets of strings, lists, and mappings of
    these. Raises TypeError for others.
    """
    return {name: _attribute(value) for name, value in values.items()}


def from_wire(values: Mapping[str, Any]) -> Item:
    """Convert attribute values by name from a response to plain values."""
    return {name: _value(attribute) for name, attribute in values.items()}


def _attribute(value: Any) -> dict[str, Any]:
    content: Any
    match value:
        case str():
            kind, content = "S", value
        case bool():
            kind, content = "BOOL", value
        case int() | float() | Decimal():
            kind, content = "N", str(value)
        case None:
            kind, content = "NULL", True
        case Mapping():
            kind, content = "M", to_wire(value)
        case list() | tuple():
            kind, content = "L", [_attribute(each) for each in value]
        case set() | frozenset() if value and all(isinstance(each, str) for each in value):
            kind, content = "SS", list(value)
        case _:
            raise TypeError(f"no attribute value for {type(value).__name__}")
    return {kind: content}


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, content),) = attribute.items()
    return _READERS[kind](content)


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": lambda text: plain(Decimal(text)),
    "BOOL": bool,
    "NULL": lambda _: None,
    "M": from_wire,
    "L": lambda attributes: [_value(each) for each in attributes],
    "SS": set,
}
