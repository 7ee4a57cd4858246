"""The broadcast function: audio that does not come over a WebSocket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.helpers.clients import CHUNK
from tests.helpers.world import World


def received_audio(world: World, connection: str) -> list[tuple[str, int, int]]:
    return [(m["language"], m["epoch"], m["seq"]) for m in world.pushes(connection, "audio")]


def payload(session_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "sessionId": session_id,
        "language": "en",
        "epoch": 1,
        "seq": 4,
        "timestamp": 9,
        "audio": base64.b64encode(CHUNK).decode(),
        **fields,
    }


def test_sends_to_the_audience_of_the_language(world: World) -> None:
    _, session_id = world.create_session()
    listeners = [world.listener(session_id, "en"), world.listener(session_id, "fr")]

    answer = world.broadcast(payload(session_id))

    assert answer["result"]["successCount"] == 2
    assert [received_audio(world, listener) for listener in listeners] == [[("en", 1, 4)]] * 2
    json.dumps(answer)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sessionId": "no"}, "INVALID_SESSION_ID"),
        ({"sessionId": "calm-otter-404"}, "SESSION_NOT_FOUND"),
        ({"language": "es"}, "FORBIDDEN"),
        ({"epoch": 2}, "FORBIDDEN"),
        ({"audio": ""}, "INVALID_AUDIO"),
        ({"seq": "x"}, "INVALID_MESSAGE"),
    ],
)
def test_applies_the_checks_of_the_audio_path(
    world: World, fields: dict[str, Any], code: str
) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "en")

    answer = world.broadcast(payload(session_id, **fields))

    assert answer["error"]["code"] == code
    assert received_audio(world, listener) == []


def test_refuses_an_ended_session(world: World) -> None:
    speaker, session_id = world.create_session()
    world.ask(speaker, "endSession")

    assert world.broadcast(payload(session_id))["error"]["code"] == "SESSION_ENDED"
