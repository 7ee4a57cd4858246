"""The outline of a JSON text (RFC 8259): its top-level members, and what a strict decoder minds.

Unlike a decoder it takes any depth, any number and half of a surrogate pair, so that an error can
still name the field and carry the request's id. It builds no values and does not recurse.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""[ \t\n\r]*(
        "[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"
        |-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?
        |true|false|null
        |[{}\[\],:]
    )""",
    re.VERBOSE,
)
_WHITE = " \t\n\r"
# An escape of a surrogate, or a surrogate itself.
_SUSPECT = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
# What may come next, and the characters that it may begin with.
_VALUE, _NAME, _COLON = '{["-0123456789tfn', '"', ":"
_FIRST_VALUE, _FIRST_NAME = _VALUE + "]", _NAME + "}"
_IN_OBJECT, _IN_ARRAY = ",}", ",]"  # after a value, there


@dataclass(slots=True)
class Outline:
    """What could be read. Of members with the same name the last one counts."""

    # Values that are strings of whole characters; None for all others.
    members: dict[str, str | None] = field(default_factory=dict)
    is_json: bool = False
    is_object: bool = False
    halved: str | None = None  # the first member with half of a surrogate pair in it
    depth: int = 0  # of arrays and objects
    deepest: str = ""  # the member that is so deep


def outline(text: str) -> Outline:
    """The outline of a text that may be anything; of what is not JSON, the members before that."""
    read = Outline()
    around: list[str] = []  # what may follow a value in each array and object that is open
    name, position, expected = "", 0, _VALUE
    match = _TOKEN.match
    while expected and (found := match(text, position)):
        token, position = found[1], found.end()
        mark = token[0]
        if mark not in expected:
            return read
        if mark == '"':
            is_name = expected in {_NAME, _FIRST_NAME}
            if is_name and len(around) == 1:
                name = json.loads(token)
            string = _checked(read, token, name)
            if is_name:
                expected = _COLON
                continue
        elif mark in "{[":
            if not around:
                read.is_object = mark == "{"
            around.append(_IN_OBJECT if mark == "{" else _IN_ARRAY)
            if len(around) > read.depth:
                read.depth, read.deepest = len(around), name
            expected = _FIRST_NAME if mark == "{" else _FIRST_VALUE
            continue
        elif mark in ":,":
            expected = _NAME if expected is _IN_OBJECT else _VALUE
            continue
        else:
            string = None
            if mark in "}]":
                around.pop()
        # A value is complete.
        expected = around[-1] if around else ""
        if len(around) == 1 and read.is_object:
            read.members[name] = None if string is None else json.loads(string)
    read.is_json = not expected and not text[position:].strip(_WHITE)
    return read


def is_valid_unicode(text: str) -> bool:
    """Whether the text has no half of a surrogate pair, so that UTF-8 can hold it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _checked(read: Outline, token: str, name: str) -> str | None:
    """A string as it is written, None with half of a surrogate pair, which is noted."""
    if _SUSPECT.search(token) is None or is_valid_unicode(json.loads(token)):
        return token
    if read.halved is None:
        read.halved = name
    return None
