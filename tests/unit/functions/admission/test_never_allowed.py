"""What a connection can never do is refused before anything is read."""

from __future__ import annotations

import json

import pytest

from tests.helpers.database.counting import CountingClient
from tests.helpers.world import World


@pytest.fixture
def database(world: World) -> CountingClient:
    """Counts what the functions ask of the database."""
    counting = CountingClient()
    world.use_dynamodb(counting)
    return counting


def errors(world: World, connection: str) -> list[tuple[int, str]]:
    return [(each["status"], each["code"]) for each in world.pushes(connection, "error")]


def test_audio_and_captions_of_strangers_cost_no_read(
    world: World, database: CountingClient
) -> None:
    stranger = world.stranger()
    database.requests.clear()

    world.send_audio(stranger, 0)
    world.send_caption(stranger)

    assert errors(world, stranger) == [(403, "FORBIDDEN")] * 2
    assert database.requests == {}


def test_a_listener_who_never_sends_is_refused_like_any_listener(
    world: World, database: CountingClient
) -> None:
    _, session_id = world.create_session()
    listener = world.stranger()
    world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
    database.requests.clear()

    world.send_audio(listener, 0, requestId="r")

    (error,) = world.pushes(listener, "error")
    assert (error["code"], error["requestId"]) == ("FORBIDDEN", "r")
    assert error["message"].startswith("sendAudio: only the session's speaker")
    assert database.requests == {}


def test_fields_and_values_are_reported_first(world: World) -> None:
    stranger = world.stranger()

    world.send_text(stranger, "sendAudio", "no JSON")
    world.send_text(stranger, "sendAudio", json.dumps({"action": "sendAudio", "seq": 1}))
    world.send_audio(stranger, 0, bytes(3))
    world.send_caption(stranger, "")

    assert [code for _, code in errors(world, stranger)] == [
        "INVALID_MESSAGE",
        "INVALID_MESSAGE",
        "INVALID_AUDIO",
        "INVALID_CAPTION",
    ]


def test_what_needs_a_token_costs_no_read_either(world: World, database: CountingClient) -> None:
    stranger = world.stranger()
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
        reply = world.ask(stranger, action, **fields)
        assert (reply["status"], reply["code"]) == (401, "AUTHENTICATION_REQUIRED"), action

    assert database.requests == {}


def test_who_was_connected_before_the_authorizer_said_so_is_judged_by_the_session(
    world: World,
) -> None:
    _, session_id = world.create_session(interpretation={"engine": "aws", "languages": ["es"]})
    ticket = world.interpreter_starts.events[-1]["ticket"]
    machine = world.connect()
    join = {"sessionId": session_id, "targetLanguage": "es", "role": "interpreter"}
    world.ask(machine, "joinSession", ticket=ticket, **join)

    world.send_audio(machine, 0)

    assert errors(world, machine) == []
