"""`renders` of chunks: delivered from interpreters, refused from others."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.helpers.clients import CHUNK, Message
from tests.helpers.world import World

RENDERS = {
    "timestamp": 1_000,
    "endTimestamp": 3_200,
    "recogniseMs": 450,
    "translateMs": 3,
    "speakMs": 25,
}


def error(world: World, connection: str) -> Message:
    [message] = world.pushes(connection, "error")
    return message


def test_renders_is_delivered_with_the_chunk(world: World) -> None:
    _, session_id = world.create_session()
    interpreter, listener = world.interpreter(session_id), world.listener(session_id)

    world.send_audio(interpreter, 0, renders=RENDERS)
    world.send_audio(interpreter, 1)

    first, second = world.pushes(listener, "audio")
    assert first["renders"] == RENDERS
    assert "renders" not in second


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"endTimestamp": 999}, "renders.endTimestamp: before the beginning"),
        ({"timestamp": "x"}, "renders.timestamp:"),
        ({"recogniseMs": -1}, "renders.recogniseMs:"),
        ({"speakMs": 86_400_001}, "renders.speakMs:"),
        ({"translateMs": None}, "renders.translateMs:"),
    ],
)
def test_invalid_renders_are_named_and_not_delivered(
    world: World, changed: dict[str, Any], named: str
) -> None:
    _, session_id = world.create_session()
    interpreter, listener = world.interpreter(session_id), world.listener(session_id)

    world.send_audio(interpreter, 0, renders={**RENDERS, **changed})

    refused = error(world, interpreter)
    assert refused["code"] == "INVALID_MESSAGE"
    assert refused["message"].startswith(named)
    assert world.pushes(listener, "audio") == []


def test_renders_is_refused_on_the_floor(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    world.send_audio(speaker, 0, renders=RENDERS)

    refused = error(world, speaker)
    assert refused["code"] == "INVALID_MESSAGE"
    assert refused["message"].startswith("renders:")
    assert world.pushes(listener, "audio") == []


def test_a_listener_may_not_send_audio_with_renders(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id)

    world.send_audio(listener, 0, renders=RENDERS)

    assert error(world, listener)["code"] == "FORBIDDEN"


class TestBroadcastFunction:
    """The broadcast function applies the same rules."""

    def invoke(self, world: World, session_id: str, language: str, **renders: Any) -> Message:
        return world.broadcast(
            {
                "sessionId": session_id,
                "language": language,
                "epoch": 1,
                "seq": 4,
                "timestamp": 9,
                "audio": base64.b64encode(CHUNK).decode(),
                "renders": {**RENDERS, **renders},
            }
        )

    def test_it_delivers_renders(self, world: World) -> None:
        _, session_id = world.create_session()
        world.interpreter(session_id)
        listener = world.listener(session_id)

        self.invoke(world, session_id, "es")

        assert [m["renders"] for m in world.pushes(listener, "audio")] == [RENDERS]

    def test_it_applies_the_checks_of_the_audio_path(self, world: World) -> None:
        _, session_id = world.create_session()
        world.interpreter(session_id)
        listener = world.listener(session_id)

        floor = self.invoke(world, session_id, "en")["error"]
        backwards = self.invoke(world, session_id, "es", endTimestamp=0)["error"]

        assert (floor["code"], backwards["code"]) == ("INVALID_MESSAGE", "INVALID_MESSAGE")
        assert floor["message"].startswith("renders:")
        assert backwards["message"].startswith("renders.endTimestamp:")
        assert world.pushes(listener, "audio") == []
