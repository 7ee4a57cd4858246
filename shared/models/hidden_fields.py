"""Representation of values with fields that must not be logged."""

from __future__ import annotations

import msgspec


def repr_without(value: msgspec.Struct, *hidden: str) -> str:
    """The representation of `value` without the fields `hidden`."""
    fields = [name for name in value.__struct_fields__ if name not in hidden]
    shown = ", ".join(f"{name}={getattr(value, name)!r}" for name in fields)
    return f"{type(value).__name__}({shown})"
