"""joinSession, changeLanguage, leaveSession, heartbeat and their counters."""

from __future__ import annotations

from typing import Any

import pytest

from shared.utils.validators import validate_session_id
from tests.helpers.world import World


def listener_counts(world: World, session_id: str) -> tuple[int, dict[str, int]]:
    session = world.session(session_id)
    return session.listener_count, {
        language: count for language, count in session.language_counts.items() if count
    }


def join(world: World, connection: str, session_id: str, language: str = "es", **more: Any) -> Any:
    return world.ask(
        connection, "joinSession", sessionId=session_id, targetLanguage=language, **more
    )


def test_listener_joins_and_is_counted(world: World) -> None:
    _, session_id = world.create_session()
    world.interpreter(session_id, "es")
    listener = world.connect()

    reply = join(world, listener, session_id, "ES", requestId="q")

    assert reply.pop("resumeToken")
    session = world.session(session_id)
    assert reply == {
        "type": "sessionJoined",
        "requestId": "q",
        "sessionId": session_id,
        "role": "listener",
        "targetLanguage": "es",
        "sourceLanguage": "en",
        "audioFormat": {
            "encoding": "pcm_s16le",
            "sampleRate": 16000,
            "channels": 1,
            "chunkMs": 200,
        },
        "broadcastState": {
            "isActive": True,
            "isPaused": False,
            "isMuted": False,
            "volume": 1.0,
            "lastStateChange": session.broadcast_state.last_state_change,
        },
        "channelSource": "human",
        "channels": {"es": "human"},
        "speakerConnected": True,
        "resumed": False,
        "connectionExpiresAt": world.clock.now_ms() + 7_200_000,
    }
    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_listener_without_an_interpreter_gets_the_floor(world: World) -> None:
    _, session_id = world.create_session()

    reply = join(world, world.connect(), session_id, "fr")

    assert (reply["channelSource"], reply["channels"]) == ("floor", {})


def test_repeated_join_gets_an_answer_and_is_counted_once(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id)

    again = join(world, listener, session_id)

    assert again["type"] == "sessionJoined"
    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_a_second_seat_is_refused(world: World) -> None:
    speaker, session_id = world.create_session()
    _, other = world.create_session()
    listener = world.listener(session_id)

    assert join(world, listener, session_id, "fr")["code"] == "ALREADY_IN_SESSION"
    assert join(world, listener, other)["code"] == "ALREADY_IN_SESSION"
    assert join(world, speaker, session_id)["code"] == "ALREADY_IN_SESSION"
    assert listener_counts(world, session_id) == (1, {"es": 1})


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"sessionId": "golden-eagle-999", "targetLanguage": "es"}, 404, "SESSION_NOT_FOUND"),
        ({"sessionId": "Golden Eagle", "targetLanguage": "es"}, 400, "INVALID_SESSION_ID"),
        ({"sessionId": "golden-eagle-999", "targetLanguage": "e"}, 400, "INVALID_LANGUAGE"),
        ({"sessionId": "golden-eagle-999"}, 400, "INVALID_MESSAGE"),
        (
            {"sessionId": "golden-eagle-999", "targetLanguage": "es", "role": "king"},
            400,
            "INVALID_MESSAGE",
        ),
        (
            {"sessionId": "golden-eagle-999", "targetLanguage": "es", "role": "interpreter"},
            401,
            "AUTHENTICATION_REQUIRED",
        ),
        (
            {"sessionId": "golden-eagle-999", "targetLanguage": "es", "role": "speaker"},
            401,
            "AUTHENTICATION_REQUIRED",
        ),
    ],
)
def test_invalid_joins_are_refused(
    world: World, fields: dict[str, Any], status: int, code: str
) -> None:
    reply = world.ask(world.connect(), "joinSession", **fields)

    assert (reply["status"], reply["code"]) == (status, code)


def test_an_ended_session_cannot_be_joined(world: World) -> None:
    speaker, session_id = world.create_session()
    world.ask(speaker, "endSession")

    reply = join(world, world.connect(), session_id)

    assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")


def test_a_full_session_admits_again_after_a_leave(world: World) -> None:
    _, session_id = world.create_session(maxListeners=1)
    first = world.listener(session_id)

    refused = join(world, world.connect(), session_id)
    world.disconnect(first)

    assert (refused["status"], refused["code"], refused["retryable"]) == (
        503,
        "SESSION_FULL",
        True,
    )
    assert join(world, world.connect(), session_id)["type"] == "sessionJoined"
    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_a_listener_changes_language_without_reconnecting(world: World) -> None:
    _, session_id = world.create_session()
    world.interpreter(session_id, "fr")
    listener = world.listener(session_id, "es")

    reply = world.ask(listener, "changeLanguage", targetLanguage="FR")
    again = world.ask(listener, "changeLanguage", targetLanguage="fr")

    assert (
        reply
        == again
        == {
            "type": "languageChanged",
            "sessionId": session_id,
            "targetLanguage": "fr",
            "channelSource": "human",
        }
    )
    assert listener_counts(world, session_id) == (1, {"fr": 1})


def test_only_listeners_may_change_language(world: World) -> None:
    speaker, session_id = world.create_session()
    ended_speaker, ended = world.create_session()
    late = world.listener(ended)
    world.ask(ended_speaker, "endSession")

    def code(connection: str, language: str = "fr") -> str:
        reply = world.ask(connection, "changeLanguage", targetLanguage=language)
        return str(reply["code"])

    assert code(speaker) == "FORBIDDEN"
    assert code(world.interpreter(session_id)) == "FORBIDDEN"
    assert code(world.connect()) == "NOT_IN_SESSION"
    assert code(late) == "SESSION_ENDED"
    assert code(world.connect(), "f") == "INVALID_LANGUAGE"


def test_leaving_counts_out_once(world: World) -> None:
    _, session_id = world.create_session()
    leaver, stayer = world.listener(session_id, "es"), world.listener(session_id, "es")

    left = world.ask(leaver, "leaveSession")
    again = world.ask(leaver, "leaveSession")
    world.disconnect(leaver)

    assert left["type"] == "sessionLeft"
    assert again["code"] == "NOT_IN_SESSION"
    assert listener_counts(world, session_id) == (1, {"es": 1})
    assert world.ask(stayer, "leaveSession")["type"] == "sessionLeft"
    assert listener_counts(world, session_id) == (0, {})


def test_a_speaker_cannot_leave(world: World) -> None:
    speaker, _ = world.create_session()

    assert world.ask(speaker, "leaveSession")["code"] == "FORBIDDEN"


def test_disconnect_is_idempotent_and_counts_out_by_the_latest_language(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    world.ask(listener, "changeLanguage", targetLanguage="fr")

    for _ in range(3):
        world.disconnect(listener)

    assert listener_counts(world, session_id) == (0, {})
    assert world.connections.get(listener) is None


def test_heartbeat_returns_both_clocks_and_writes_rarely(world: World) -> None:
    connection = world.connect()
    connected_at = world.clock.now_ms()
    world.clock.advance(29_000)

    reply = world.ask(connection, "heartbeat", clientTime=5, requestId="h")
    stored = world.connections.get(connection)
    world.clock.advance(1_000)
    world.ask(connection, "heartbeat")
    later = world.connections.get(connection)

    assert reply == {
        "type": "heartbeatAck",
        "requestId": "h",
        "timestamp": connected_at + 29_000,
        "clientTime": 5,
    }
    assert stored is not None
    assert stored.last_activity_time == connected_at
    assert later is not None
    assert later.last_activity_time == connected_at + 30_000


def test_heartbeat_of_an_unknown_connection_is_refused(world: World) -> None:
    connection = world.connect()
    world.disconnect(connection)

    assert world.ask(connection, "heartbeat")["code"] == "CONNECTION_NOT_FOUND"


def test_generated_ids_are_valid() -> None:
    from shared.utils.identifiers import RandomIdentifiers

    identifiers = RandomIdentifiers()
    for _ in range(500):
        session_id = identifiers.session_id()
        assert validate_session_id(session_id) == session_id
