"""Helpers of the caption tests."""

from __future__ import annotations

from tests.helpers.clients import Message
from tests.helpers.world import World


def received_captions(world: World, connection: str) -> list[tuple[str, str]]:
    """Language and text of each caption that a connection received."""
    return [(m["language"], m["text"]) for m in world.pushes(connection, "caption")]


def error_codes(world: World, connection: str) -> list[str]:
    """Codes of the errors pushed to a connection."""
    return [message["code"] for message in world.pushes(connection, "error")]


def only_error(world: World, connection: str) -> Message:
    """The only error pushed to a connection."""
    [message] = world.pushes(connection, "error")
    return message


def join_as_machine(world: World, session_id: str, language: str = "es") -> str:
    """Join as a machine interpreter of a language. Returns the connection."""
    return world.interpreter(session_id, language, "robot", source="machine")
