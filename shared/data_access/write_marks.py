"""Marks in a row by which a repeated write recognises that it was applied before.

botocore repeats a write whose answer is lost, and a client repeats its request. Each row therefore
remembers its latest writes in a few slots, one attribute each. The next write of a slot replaces
its mark. A write requires its own mark to be absent. If the condition fails and the row has the
mark, the write was applied before.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

# No other attribute begins with it.
_PREFIX = "~"
_NAMED_PREFIX = "~n"
# Slots for writes that only botocore repeats, within a second or two.
_SLOTS = 8
# Slots for counter writes, which a client's next request repeats. 16 marks take 210 B of a row.
_NAMED_SLOTS = 16
_NAME_BYTES = 6

ALIAS = "#mark"
PLACEHOLDER = ":mark"
#: Condition that the write has not been applied.
ABSENT = f"NOT {ALIAS} = {PLACEHOLDER}"


class Mark(msgspec.Struct, frozen=True):
    """The attribute that records one write."""

    attribute: str
    value: str

    @classmethod
    def new(cls) -> Mark:
        """A mark for a single call."""
        value = _text(secrets.token_bytes(_NAME_BYTES))
        return cls(f"{_PREFIX}{_slot(value, _SLOTS)}", value)

    @classmethod
    def for_id(cls, write_id: str) -> Mark:
        """The mark shared by all calls with this ID: only the first one is applied."""
        value = _text(hashlib.sha256(write_id.encode()).digest()[:_NAME_BYTES])
        return cls(f"{_NAMED_PREFIX}{_slot(value, _NAMED_SLOTS)}", value)

    @property
    def has_id(self) -> bool:
        """Whether the mark belongs to a write ID, so that another call may have set it."""
        return self.attribute.startswith(_NAMED_PREFIX)

    def set_by(self, expression: str) -> str:
        """Add the mark to an update expression."""
        assignment = f"SET {ALIAS} = {PLACEHOLDER}"
        before, found, after = expression.partition("SET ")
        return f"{before}{assignment}, {after}" if found else f"{assignment} {expression}"

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """Whether a row with its marks has this one."""
        return row.get(self.attribute) == self.value


def without_marks(row: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the marks from a row."""
    return {name: value for name, value in row.items() if not name.startswith(_PREFIX)}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _slot(value: str, slots: int) -> int:
    return zlib.crc32(value.encode()) % slots
