"""Requests that a connection can never make are refused without a read."""

from __future__ import annotations

import json

import pytest

from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World


@pytest.fixture
def database(world: World) -> CountingClient:
    """Counts the functions' requests to the database."""
    counting = CountingClient()
    world.use_dynamodb(counting)
    return counting


def errors(world: World, connection: str) -> list[tuple[int, str]]:
    return [(each["status"], each["code"]) for each in world.pushes(connection, "error")]


def test_audio_and_captions_of_listen_only_connections_cost_no_read(
    world: World, database: CountingClient
) -> None:
    listener = world.listen_only()
    database.requests.clear()

    world.send_audio(listener, 0)
    world.send_caption(listener)

    assert errors(world, listener) == [(403, "FORBIDDEN")] * 2
    assert database.requests == {}


def test_a_listen_only_listener_is_refused_like_any_listener(
    world: World, database: CountingClient
) -> None:
    _, session_id = world.create_session()
    listener = world.listen_only()
    world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
    database.requests.clear()

    world.send_audio(listener, 0, requestId="r")

    (error,) = world.pushes(listener, "error")
    assert (error["code"], error["requestId"]) == ("FORBIDDEN", "r")
    assert error["message"].startswith("sendAudio: only the session's speaker")
    assert database.requests == {}


def test_invalid_fields_and_values_are_reported_first(world: World) -> None:
    listener = world.listen_only()

    world.send_text(listener, "sendAudio", "no JSON")
    world.send_text(listener, "sendAudio", json.dumps({"action": "sendAudio", "seq": 1}))
    world.send_audio(listener, 0, bytes(3))
    world.send_caption(listener, "")

    assert [code for _, code in errors(world, listener)] == [
        "INVALID_MESSAGE",
        "INVALID_MESSAGE",
        "INVALID_AUDIO",
        "INVALID_CAPTION",
    ]


def test_requests_that_need_a_token_cost_no_read(world: World, database: CountingClient) -> None:
    listener = world.listen_only()
    database.requests.clear()

    for action, fields in (
        ("createSession", {"sourceLanguage": "en"}),
        ("announce", {"scope": "all", "message": "Hi"}),
        ("registerDevice", {"deviceId": "6d4a4b6e-8a7f-4a53-8f1d-6f3d0f6e7a10"}),
        ("getSyncSnapshot", {}),
        (
            "joinSession",
            {"sessionId": "calm-otter-404", "targetLanguage": "es", "role": "interpreter"},
        ),
    ):
        reply = world.ask(listener, action, **fields)
        assert (reply["status"], reply["code"]) == (401, "AUTHENTICATION_REQUIRED"), action

    assert database.requests == {}


def test_connections_without_the_authorizers_mark_are_checked_against_the_session(
    world: World,
) -> None:
    _, session_id = world.create_session(interpretation={"engine": "aws", "languages": ["es"]})
    ticket = world.interpreter_starts.events[-1]["ticket"]
    machine = world.connect()
    join = {"sessionId": session_id, "targetLanguage": "es", "role": "interpreter"}
    world.ask(machine, "joinSession", ticket=ticket, **join)

    world.send_audio(machine, 0)

    assert errors(world, machine) == []
