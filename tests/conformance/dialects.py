"""The message protocols of the APIs that the suite can test: the probe and Lingocast."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Protocol

# In both APIs $default replies to a message with an unknown action.
_UNKNOWN_ACTION = "conformance-hello"


class Dialect(Protocol):
    """The message protocol of an API."""

    @property
    def denied_query(self) -> dict[str, Any]:
        """Query parameters that the authorizer denies."""
        ...

    def is_default_reply(self, message: dict[str, Any]) -> bool:
        """Whether `message` is a reply of the $default route."""
        ...


class ProbeDialect:
    """The probe's protocol: replies name their route."""

    denied_query: ClassVar = {"auth": {"effect": "Deny"}}

    def is_default_reply(self, message: dict[str, Any]) -> bool:
        return bool(message.get("probe") and message.get("route") == "$default")


class LingocastDialect:
    """Lingocast's protocol: $default replies with an error."""

    denied_query: ClassVar = {"token": "no-token-at-all"}

    def is_default_reply(self, message: dict[str, Any]) -> bool:
        codes = {"UNKNOWN_ACTION", "INVALID_MESSAGE", "MESSAGE_TOO_LARGE"}
        return message.get("type") == "error" and message.get("code") in codes


def default_message(size: int = 0) -> str:
    """A message for $default, padded to `size` bytes."""
    text = json.dumps({"action": _UNKNOWN_ACTION, "padding": ""})
    return text.replace('""', f'"{"x" * (size - len(text))}"')


def detect_dialect(answer: dict[str, Any]) -> Dialect | None:
    """The dialect of a reply to `default_message`, or None."""
    dialects: tuple[Dialect, ...] = (ProbeDialect(), LingocastDialect())
    return next((dialect for dialect in dialects if dialect.is_default_reply(answer)), None)
