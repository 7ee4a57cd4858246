"""What can be said to any API that the suite knows: its probe, and Lingocast itself."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Protocol

# Both have a $default route that replies, so text that names no route gets one answer.
_NO_SUCH_ACTION = "conformance-hello"


class Dialect(Protocol):
    """How an API answers, in its own protocol."""

    @property
    def refused(self) -> dict[str, Any]:
        """A query string that the authorizer denies."""
        ...

    def answered_by_default(self, message: dict[str, Any]) -> bool:
        """Whether the $default route gave that answer."""
        ...


class ProbeDialect:
    """The probe: it says which route it was."""

    refused: ClassVar = {"auth": {"effect": "Deny"}}

    def answered_by_default(self, message: dict[str, Any]) -> bool:
        return bool(message.get("probe") and message.get("route") == "$default")


class LingocastDialect:
    """A Lingocast stack: its $default route knows no action, and says so."""

    refused: ClassVar = {"token": "no-token-at-all"}

    def answered_by_default(self, message: dict[str, Any]) -> bool:
        codes = {"UNKNOWN_ACTION", "INVALID_MESSAGE", "MESSAGE_TOO_LARGE"}
        return message.get("type") == "error" and message.get("code") in codes


def question(size: int = 0) -> str:
    """A message of `size` bytes, or a short one, that $default answers."""
    text = json.dumps({"action": _NO_SUCH_ACTION, "padding": ""})
    return text.replace('""', f'"{"x" * (size - len(text))}"')


def recognize(answer: dict[str, Any]) -> Dialect | None:
    """Who answered the question."""
    dialects: tuple[Dialect, ...] = (ProbeDialect(), LingocastDialect())
    return next((dialect for dialect in dialects if dialect.answered_by_default(answer)), None)
