"""Joining a session in each role, and rolling over to another connection."""

from __future__ import annotations

from typing import Any

from tests.helpers.clients import Message
from tests.helpers.world import World


def create_session(world: World) -> tuple[str, str, str]:
    """Create a session. Returns the speaker's connection, session ID and resume token."""
    speaker = world.connect("alice", "speakers")
    reply = world.ask(speaker, "createSession", sourceLanguage="en")
    return speaker, reply["sessionId"], reply["resumeToken"]


def join(
    world: World, connection: str, session_id: str, language: str = "es", **fields: Any
) -> Message:
    return world.ask(
        connection, "joinSession", sessionId=session_id, targetLanguage=language, **fields
    )


def join_as_listener(world: World, session_id: str, language: str = "es") -> tuple[str, str]:
    """Join on a new anonymous connection. Returns it and its resume token."""
    connection = world.connect()
    return connection, join(world, connection, session_id, language)["resumeToken"]


def join_as_interpreter(world: World, session_id: str) -> tuple[str, str]:
    """Join as the interpreter of Spanish. Returns the connection and resume token."""
    connection = world.connect("ines", "interpreters")
    return connection, join(world, connection, session_id, role="interpreter")["resumeToken"]


def roll_over(
    world: World, session_id: str, token: str, *who: str, language: str = "es", role: str
) -> tuple[str, Message]:
    """Join on a new connection with a resume token. Returns it and the reply."""
    connection = world.connect(*who)
    reply = join(world, connection, session_id, language, role=role, resumeToken=token)
    assert reply["type"] == "sessionJoined", reply
    return connection, reply


def listener_counts(world: World, session_id: str) -> tuple[int, dict[str, int]]:
    """Total number of listeners, and numbers by language."""
    session = world.session(session_id)
    return session.listener_count, {k: v for k, v in session.language_counts.items() if v}


def received_audio(world: World, connection: str) -> list[tuple[int, int]]:
    """Epoch and sequence number of each chunk that a connection received."""
    return [(audio["epoch"], audio["seq"]) for audio in world.pushes(connection, "audio")]
