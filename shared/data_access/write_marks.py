"""Marks that writes leave in a row, by which a write recognises its own earlier success.

A client library repeats a write whose answer is lost, and a client repeats its request. A row
therefore remembers its latest writes: an attribute for each of a few slots, which the next write of
the same slot replaces. A write is conditional on its own mark not being there. If the condition
fails and the row has the mark, the write had been applied.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# No attribute of a repository begins with it.
_PREFIX = "~"
_NAMED_PREFIX = "~n"
# Slots of writes that only a library repeats, within a second or two ...
_SLOTS = 8
# ... and of those that a client's next request repeats: counters. 16 marks are 210 B of a row.
_NAMED_SLOTS = 16
_NAME_BYTES = 6

ALIAS = "#mark"
PLACEHOLDER = ":mark"
#: The condition that the write has not been applied.
ABSENT = f"NOT {ALIAS} = {PLACEHOLDER}"


@dataclass(frozen=True, slots=True)
class Mark:
    """The attribute that says that one write has been applied."""

    attribute: str
    value: str

    @classmethod
    def new(cls) -> Mark:
        """The mark of one call."""
        value = _text(secrets.token_bytes(_NAME_BYTES))
        return cls(f"{_PREFIX}{_slot(value, _SLOTS)}", value)

    @classmethod
    def for_id(cls, name: str) -> Mark:
        """The mark of every call that has this name: only one of them is applied."""
        value = _text(hashlib.sha256(name.encode()).digest()[:_NAME_BYTES])
        return cls(f"{_NAMED_PREFIX}{_slot(value, _NAMED_SLOTS)}", value)

    @property
    def has_id(self) -> bool:
        """Whether another call may have left it."""
        return self.attribute.startswith(_NAMED_PREFIX)

    def set_by(self, expression: str) -> str:
        """An update expression that leaves the mark too."""
        assignment = f"SET {ALIAS} = {PLACEHOLDER}"
        before, found, after = expression.partition("SET ")
        return f"{before}{assignment}, {after}" if found else f"{assignment} {expression}"

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """Whether a row, marks included, remembers the write."""
        return row.get(self.attribute) == self.value


def without_marks(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as repositories see it."""
    return {name: value for name, value in row.items() if not name.startswith(_PREFIX)}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _slot(value: str, slots: int) -> int:
    return zlib.crc32(value.encode()) % slots
