"""Outline of a JSON text (RFC 8259): its top-level members and faults.

Unlike a strict decoder, it accepts any depth, any number and lone surrogates, so that an error can
name the field and carry the request's ID. It builds no values and does not recurse.
"""

from __future__ import annotations

import json
import re

import msgspec

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
# An escaped or literal surrogate.
_SUSPECT = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
# What may come next, as the characters it may begin with.
_VALUE, _NAME, _COLON = '{["-0123456789tfn', '"', ":"
_FIRST_VALUE, _FIRST_NAME = _VALUE + "]", _NAME + "}"
_IN_OBJECT, _IN_ARRAY = ",}", ",]"  # after a value, there


class Outline(msgspec.Struct):
    """Outline of a text. If members share a name, the last one counts."""

    # Values that are strings without lone surrogates; None for all others.
    members: dict[str, str | None] = msgspec.field(default_factory=dict)
    is_json: bool = False
    is_object: bool = False
    surrogate_member: str | None = None  # the first member with a lone surrogate
    depth: int = 0  # of arrays and objects
    deepest: str = ""  # the member with that depth


def outline(text: str) -> Outline:
    """Outline any text. Without valid JSON, it has the members before the fault."""
    read = Outline()
    around: list[str] = []  # what may follow a value, for each open array and object
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
    """Whether the text has no lone surrogates, so that UTF-8 can encode it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _checked(read: Outline, token: str, name: str) -> str | None:
    """Return a string token, or record its lone surrogate and return None."""
    if _SUSPECT.search(token) is None or is_valid_unicode(json.loads(token)):
        return token
    if read.surrogate_member is None:
        read.surrogate_member = name
    return None
