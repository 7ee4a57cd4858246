"""Interpreters: rights, one per language, epochs."""

from __future__ import annotations

from typing import Any

from tests.helpers.world import World


def join(world: World, connection: str, session_id: str, language: str = "es", **more: Any) -> Any:
    return world.ask(
        connection,
        "joinSession",
        sessionId=session_id,
        targetLanguage=language,
        role="interpreter",
        **more,
    )


def test_one_interpreter_per_language(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    unaffected = world.listener(session_id, "fr")
    interpreter = world.connect("ines", "interpreters")

    joined = join(world, interpreter, session_id)
    second = join(world, world.connect("ivan", "interpreters"), session_id)

    assert (joined["type"], joined["epoch"], joined["channelSource"]) == (
        "sessionJoined",
        1,
        "floor",
    )
    assert (second["status"], second["code"]) == (409, "LANGUAGE_TAKEN")
    assert world.pushes(listener) == [
        {
            "type": "channelSourceChanged",
            "sessionId": session_id,
            "language": "es",
            "from": "floor",
            "to": "human",
            "epoch": 1,
        }
    ]
    assert world.pushes(unaffected) == []
    assert world.session(session_id).listener_count == 2


def test_a_leaving_interpreter_releases_the_language(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    first = world.interpreter(session_id, "es")

    left = world.ask(first, "leaveSession")
    world.disconnect(first)
    second = join(world, world.connect("ivan", "interpreters"), session_id)

    assert left == {"type": "sessionLeft", "sessionId": session_id}
    assert second["epoch"] == 2
    changes = [(m["from"], m["to"], m["epoch"]) for m in world.pushes(listener)]
    assert changes == [("floor", "human", 1), ("human", "floor", 1), ("floor", "human", 2)]


def test_interpreters_need_the_group_or_the_sessions_list(world: World) -> None:
    _, open_session = world.create_session()
    _, listed = world.create_session(interpreters=["ivan"])
    ivan, ines = world.connect("ivan"), world.connect("ines", "interpreters")

    assert join(world, ivan, open_session)["code"] == "FORBIDDEN"
    assert join(world, ivan, "calm-otter-404")["code"] == "FORBIDDEN"
    assert join(world, ines, listed)["code"] == "FORBIDDEN"
    assert join(world, ivan, listed)["type"] == "sessionJoined"
    assert join(world, ines, open_session)["type"] == "sessionJoined"


def test_the_source_language_has_no_interpreter(world: World) -> None:
    _, session_id = world.create_session()

    reply = join(world, world.connect("ines", "interpreters"), session_id, "en")

    assert reply["code"] == "INVALID_LANGUAGE"
