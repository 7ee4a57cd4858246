"""The allowed values of Literal, Enum and tag fields, read from the types.

msgspec's errors name the field and the wrong value, but not the allowed ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

_SEGMENT = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def allowed_values(types: Iterable[Any], path: str) -> tuple[str, ...]:
    """The values allowed at `path`, such as `message.operation`, in any of `types`.

    Empty if the field takes other values than these, or does not exist.
    """
    found = list(types)
    for segment in _SEGMENT.findall(path):
        found = [inner for each in _alternatives(found) for inner in _step(each, segment)]
    return tuple(dict.fromkeys(value for each in _alternatives(found) for value in _values(each)))


def _alternatives(types: Iterable[Any]) -> Iterator[Any]:
    """The types without Annotated, and the members of unions in place of each union."""
    for each in types:
        if get_origin(each) is Annotated:
            yield from _alternatives(get_args(each)[:1])
        elif get_origin(each) in {Union, UnionType}:
            yield from _alternatives(get_args(each))
        else:
            yield each


def _step(kind: Any, segment: str) -> Iterator[Any]:
    """The types one path segment further: of a field or a container's items."""
    if segment.startswith("["):
        yield from get_args(kind)[-1:]
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            if field.encode_name == segment:
                yield field.type
        config = kind.__struct_config__
        if config.tag_field == segment:
            yield Literal[config.tag]


def _values(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(member.value) for member in kind)
