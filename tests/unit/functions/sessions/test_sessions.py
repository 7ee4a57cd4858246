"""createSession, endSession and the return of the owner."""

from __future__ import annotations

import re

import pytest

from tests.helpers.world import World


def test_create_session_reply_holds_all_a_speaker_needs(world: World) -> None:
    speaker = world.connect("alice", "speakers")

    reply = world.ask(speaker, "createSession", sourceLanguage="EN-gb", requestId="r1")

    now = world.clock.now_ms()
    assert reply.pop("resumeToken")
    assert reply == {
        "type": "sessionCreated",
        "requestId": "r1",
        "sessionId": "golden-eagle-001",
        "sourceLanguage": "en-gb",
        "qualityTier": "standard",
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
            "lastStateChange": now,
        },
        "createdAt": now,
        "epoch": 1,
        "connectionExpiresAt": now + 7_200_000,
    }


def test_a_taken_session_id_is_not_reused(world: World) -> None:
    world.identifiers.upcoming = ["calm-otter-001", "calm-otter-001", "calm-otter-002"]

    _, first = world.create_session()
    _, second = world.create_session()

    assert (first, second) == ("calm-otter-001", "calm-otter-002")


def test_real_ids_have_the_documented_form() -> None:
    from shared.utils.identifiers import RandomIdentifiers

    identifiers = RandomIdentifiers()

    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{3}", identifiers.session_id()) for _ in range(200))
    assert len({identifiers.secret() for _ in range(200)}) == 200


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({}, "INVALID_MESSAGE", "sourceLanguage"),
        ({"sourceLanguage": 5}, "INVALID_MESSAGE", "sourceLanguage"),
        ({"sourceLanguage": "english"}, "INVALID_LANGUAGE", "sourceLanguage"),
        ({"sourceLanguage": ""}, "INVALID_LANGUAGE", "sourceLanguage"),
        ({"sourceLanguage": "en", "qualityTier": "best"}, "INVALID_QUALITY_TIER", "qualityTier"),
        (
            {"sourceLanguage": "en", "audioFormat": {"sampleRate": 4000}},
            "INVALID_AUDIO_FORMAT",
            "audioFormat.sampleRate",
        ),
        (
            {"sourceLanguage": "en", "audioFormat": {"chunkMs": "x"}},
            "INVALID_MESSAGE",
            "audioFormat.chunkMs",
        ),
        (
            {"sourceLanguage": "en", "audioFormat": {"sampleRate": 48000, "chunkMs": 1000}},
            "INVALID_AUDIO",
            "audioFormat.chunkMs",
        ),
        ({"sourceLanguage": "en", "maxListeners": 0}, "INVALID_MESSAGE", "maxListeners"),
        ({"sourceLanguage": "en", "maxListeners": 51}, "INVALID_MESSAGE", "maxListeners"),
        ({"sourceLanguage": "en", "requestId": "x" * 65}, "INVALID_MESSAGE", "requestId"),
    ],
)
def test_invalid_values_are_named(
    world: World, fields: dict[str, object], code: str, named: str
) -> None:
    speaker = world.connect("alice", "speakers")

    reply = world.ask(speaker, "createSession", **fields)

    assert (reply["type"], reply["status"], reply["code"]) == ("error", 400, code)
    assert reply["message"].startswith(named + ":")
    assert reply["action"] == "createSession"
    assert world.connections.get(speaker).membership is None  # type: ignore[union-attr]


def test_creating_a_session_requires_a_token(world: World) -> None:
    reply = world.ask(world.connect(), "createSession", sourceLanguage="en", requestId="r")

    assert (reply["status"], reply["code"]) == (401, "AUTHENTICATION_REQUIRED")
    assert reply["requestId"] == "r"
    assert reply["retryable"] is False


def test_creating_a_session_requires_the_group(world: World) -> None:
    connection = world.connect("mallory", "interpreters")

    reply = world.ask(connection, "createSession", sourceLanguage="en")

    assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")


def test_values_are_reported_before_rights(world: World) -> None:
    reply = world.ask(world.connect(), "createSession", sourceLanguage="!")

    assert reply["code"] == "INVALID_LANGUAGE"


def test_a_connection_has_one_session_at_a_time(world: World) -> None:
    speaker, _ = world.create_session()

    reply = world.ask(speaker, "createSession", sourceLanguage="en")

    assert (reply["status"], reply["code"]) == (409, "ALREADY_IN_SESSION")


def test_an_unknown_connection_gets_connection_not_found(world: World) -> None:
    speaker = world.connect("alice", "speakers")
    world.disconnect(speaker)

    reply = world.ask(speaker, "createSession", sourceLanguage="en")

    assert (reply["status"], reply["code"]) == (404, "CONNECTION_NOT_FOUND")


def test_ending_notifies_all_others_once_and_answers_the_speaker(world: World) -> None:
    speaker, session_id = world.create_session()
    members = [world.listener(session_id), world.interpreter(session_id, "fr")]
    stranger = world.listener(world.create_session()[1])

    reply = world.ask(speaker, "endSession")

    assert reply == {"type": "sessionEnded", "sessionId": session_id, "reason": "ended"}
    for member in members:
        assert world.pushes(member, "sessionEnded") == [reply]
    assert world.pushes(speaker) == []
    assert world.pushes(stranger) == []
    stored = world.session(session_id)
    assert not stored.is_active
    assert not stored.broadcast_state.is_broadcasting()


def test_only_the_speaker_may_end_the_session(world: World) -> None:
    _, session_id = world.create_session()

    for member in (world.listener(session_id), world.interpreter(session_id)):
        reply = world.ask(member, "endSession")
        assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")

    assert world.session(session_id).is_active


def test_ending_fails_without_a_session_and_after_the_end(world: World) -> None:
    assert world.ask(world.connect(), "endSession")["code"] == "NOT_IN_SESSION"
    speaker, _ = world.create_session()
    world.ask(speaker, "endSession")

    again = world.ask(speaker, "endSession")

    assert (again["status"], again["code"]) == (410, "SESSION_ENDED")


def test_connections_can_be_reused_after_the_end(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.ask(speaker, "endSession")

    created = world.ask(speaker, "createSession", sourceLanguage="de")
    joined = world.ask(listener, "joinSession", sessionId=created["sessionId"], targetLanguage="es")

    assert created["type"] == "sessionCreated"
    assert joined["type"] == "sessionJoined"
    assert world.session(created["sessionId"]).listener_count == 1
    assert world.session(session_id).listener_count == 0


def test_owner_takes_the_floor_on_a_new_connection(world: World) -> None:
    old, session_id = world.create_session()
    listener = world.listener(session_id)
    new = world.connect("alice", "speakers")

    reply = world.ask(new, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")
    world.disconnect(old)

    assert (reply["type"], reply["role"], reply["epoch"]) == ("sessionJoined", "speaker", 2)
    assert world.sender.deleted == [old]
    assert world.pushes(listener) == [
        {"type": "speakerReconnected", "sessionId": session_id, "epoch": 2}
    ]
    stored = world.session(session_id)
    assert stored.is_active
    assert stored.speaker_connection_id == new


def test_only_the_owner_may_take_the_floor(world: World) -> None:
    _, session_id = world.create_session()
    other = world.connect("bob", "speakers")

    reply = world.ask(
        other, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )

    assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")
