"""People who take a seat, and take their own over on another connection."""

from __future__ import annotations

from tests.helpers.clients import Message
from tests.helpers.world import World


def create(world: World) -> tuple[str, str, str]:
    """A speaker: connection, session id, resume token."""
    speaker = world.connect("alice", "speakers")
    reply = world.ask(speaker, "createSession", sourceLanguage="en")
    return speaker, reply["sessionId"], reply["resumeToken"]


def join(
    world: World, connection: str, session_id: str, language: str = "es", **fields: str
) -> Message:
    return world.ask(
        connection, "joinSession", sessionId=session_id, targetLanguage=language, **fields
    )


def listen(world: World, session_id: str, language: str = "es") -> tuple[str, str]:
    """A listener: connection and resume token."""
    connection = world.connect()
    return connection, join(world, connection, session_id, language)["resumeToken"]


def interpret(world: World, session_id: str) -> tuple[str, str]:
    """The interpreter of es: connection and resume token."""
    connection = world.connect("ines", "interpreters")
    return connection, join(world, connection, session_id, role="interpreter")["resumeToken"]


def roll_over(
    world: World, session_id: str, token: str, *who: str, language: str = "es", role: str
) -> tuple[str, Message]:
    """A second connection with the token: connection and reply."""
    connection = world.connect(*who)
    reply = join(world, connection, session_id, language, role=role, resumeToken=token)
    assert reply["type"] == "sessionJoined", reply
    return connection, reply


def counts(world: World, session_id: str) -> tuple[int, dict[str, int]]:
    session = world.session(session_id)
    return session.listener_count, {k: v for k, v in session.language_counts.items() if v}


def heard(world: World, connection: str) -> list[tuple[int, int]]:
    return [(audio["epoch"], audio["seq"]) for audio in world.pushes(connection, "audio")]
