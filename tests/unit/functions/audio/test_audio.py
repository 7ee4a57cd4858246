"""sendAudio: delivery and refusals."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared.models.delivery import Outcome
from tests.helpers.clients import CHUNK
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World


class QueriedRows:
    """DynamoDB client that counts the rows its queries return."""

    def __init__(self) -> None:
        self.count = 0

    def __getattr__(self, operation: str) -> Any:
        return getattr(dynamodb(), operation)

    def query(self, **request: Any) -> Any:
        answer = dynamodb().query(**request)
        self.count += len(answer["Items"])
        return answer


def received_audio(world: World, connection: str) -> list[tuple[str, int, int]]:
    return [(m["language"], m["epoch"], m["seq"]) for m in world.pushes(connection, "audio")]


def errors(world: World, connection: str) -> list[str]:
    return [message["code"] for message in world.pushes(connection, "error")]


def test_floor_reaches_its_listeners_interpreters_and_uninterpreted_languages(world: World) -> None:
    speaker, session_id = world.create_session()
    english, french = world.listener(session_id, "en"), world.listener(session_id, "fr")
    spanish = world.listener(session_id, "es")
    interpreter = world.interpreter(session_id, "es")
    stranger = world.listener(world.create_session()[1], "en")

    world.send_audio(speaker, 7)
    world.send_audio(interpreter, 3)

    assert received_audio(world, english) == [("en", 1, 7)]
    assert received_audio(world, french) == [("en", 1, 7)]
    assert received_audio(world, interpreter) == [("en", 1, 7)]
    assert received_audio(world, spanish) == [("es", 1, 3)]
    assert received_audio(world, stranger) == received_audio(world, speaker) == []


def test_chunk_arrives_unchanged(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    world.send_audio(speaker, 0, timestamp=123)

    assert world.pushes(listener) == [
        {
            "type": "audio",
            "sessionId": session_id,
            "language": "en",
            "epoch": 1,
            "seq": 0,
            "timestamp": 123,
            "audio": base64.b64encode(CHUNK).decode(),
        }
    ]
    assert world.pushes(speaker) == []


def test_roster_changes_take_effect_within_the_refresh_interval(world: World) -> None:
    speaker, session_id = world.create_session()
    early = world.listener(session_id)
    world.send_audio(speaker, 0)
    late = world.listener(session_id)
    world.ask(early, "leaveSession")

    for seq in range(1, 9):
        world.clock.advance(200)
        world.send_audio(speaker, seq)

    # The chunk one second after a read starts the next read, whose roster is current.
    assert received_audio(world, late) == [("en", 1, seq) for seq in range(6, 9)]
    assert received_audio(world, early) == [("en", 1, seq) for seq in range(6)]


def test_expired_roster_is_not_used(world: World) -> None:
    speaker, session_id = world.create_session()
    early = world.listener(session_id)
    world.send_audio(speaker, 0)
    world.ask(early, "leaveSession")
    world.clock.advance(1_500)

    world.send_audio(speaker, 1)

    assert received_audio(world, early) == [("en", 1, 0)]


def test_interpreters_chunk_reads_only_the_seats_of_its_language(world: World) -> None:
    _, session_id = world.create_session()
    spanish = [world.listener(session_id, "es") for _ in range(2)]
    for _ in range(5):
        world.listener(session_id, "fr")
    interpreter = world.interpreter(session_id, "es")
    rows = QueriedRows()
    world.use_dynamodb(rows)

    world.send_audio(interpreter, 0)

    assert rows.count == 2
    assert all(received_audio(world, listener) == [("es", 1, 0)] for listener in spanish)


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (b"", "INVALID_AUDIO"),
        (bytes(99), "INVALID_AUDIO"),
        (bytes(101), "INVALID_AUDIO"),
        (bytes(6_402), "INVALID_AUDIO"),
        (bytes(32_769), "MESSAGE_TOO_LARGE"),
        (bytes(60_000), "MESSAGE_TOO_LARGE"),
    ],
)
def test_invalid_chunks_are_refused_and_not_delivered(
    world: World, audio: bytes, code: str
) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    world.send_audio(speaker, 0, audio)
    world.send_audio(speaker, 1)

    assert errors(world, speaker) == [code]
    assert received_audio(world, listener) == [("en", 1, 1)]


def test_short_last_chunk_is_accepted(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    world.send_audio(speaker, 0, bytes(100))

    assert received_audio(world, listener) == [("en", 1, 0)]


def test_opus_has_no_minimum(world: World) -> None:
    speaker, session_id = world.create_session(
        audioFormat={"encoding": "opus", "sampleRate": 48000, "chunkMs": 100}
    )
    listener = world.listener(session_id)

    world.send_audio(speaker, 0, b"\x01\x02\x03")

    assert received_audio(world, listener) == [("en", 1, 0)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"seq": -1}, "seq"),
        ({"seq": "1"}, "seq"),
        ({"seq": 1.5}, "seq"),
        ({"timestamp": None}, "timestamp"),
        ({"audio": "not base64!"}, "audio"),
        ({"audio": 5}, "audio"),
    ],
)
def test_error_names_the_ill_typed_field(world: World, fields: dict[str, Any], named: str) -> None:
    speaker, _ = world.create_session()

    world.send_audio(speaker, **{"requestId": "r", **fields})

    [error] = world.pushes(speaker)
    assert (error["code"], error["requestId"]) == ("INVALID_MESSAGE", "r")
    assert error["message"].startswith(f"{named}:")


def test_only_sources_send(world: World) -> None:
    _, session_id = world.create_session()
    listener, outsider = world.listener(session_id), world.connect()

    world.send_audio(listener)
    world.send_audio(outsider)

    assert errors(world, listener) == ["FORBIDDEN"]
    assert errors(world, outsider) == ["NOT_IN_SESSION"]


def test_values_are_reported_before_membership_and_role(world: World) -> None:
    _, session_id = world.create_session()
    listener, outsider = world.listener(session_id), world.connect()

    world.send_audio(listener, 0, bytes(3))
    world.send_audio(outsider, 0, bytes(3))

    assert errors(world, listener) == errors(world, outsider) == ["INVALID_AUDIO"]


def test_displaced_speaker_is_refused_immediately(world: World) -> None:
    old, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(old, 0)
    new = world.connect("alice", "speakers")
    world.ask(new, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")

    world.send_audio(old, 1)
    world.send_audio(new, 0)

    assert world.sender.deleted == [old]
    assert received_audio(world, listener) == [("en", 1, 0), ("en", 2, 0)]


def test_audio_after_the_end_is_dropped_without_an_error(world: World) -> None:
    speaker, session_id = world.create_session()
    interpreter = world.interpreter(session_id)
    listener = world.listener(session_id)
    world.ask(speaker, "endSession")

    world.send_audio(speaker)
    world.send_audio(interpreter)

    assert errors(world, speaker) == errors(world, interpreter) == []
    assert received_audio(world, listener) == []


def test_audio_goes_to_the_new_session_of_a_reused_connection(world: World) -> None:
    speaker, _ = world.create_session()
    world.send_audio(speaker)
    world.ask(speaker, "endSession")
    created = world.ask(speaker, "createSession", sourceLanguage="de")
    listener = world.listener(created["sessionId"], "de")

    world.send_audio(speaker)

    assert received_audio(world, listener) == [("de", 1, 0)]


def test_sending_faster_than_real_time_is_limited_and_recovers(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    for seq in range(12):
        world.send_audio(speaker, seq)

    assert [seq for _, _, seq in received_audio(world, listener)] == list(range(11))
    [error] = world.pushes(speaker)
    assert (error["status"], error["code"], error["retryable"]) == (429, "RATE_LIMITED", True)
    world.clock.advance(200)
    world.send_audio(speaker, 11)
    assert received_audio(world, listener)[-1] == ("en", 1, 11)


def test_repeated_sequence_numbers_do_not_bypass_the_limit(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    for _ in range(30):
        world.send_audio(speaker, 5)

    assert len(received_audio(world, listener)) == 11
    assert set(errors(world, speaker)) == {"RATE_LIMITED"}


def test_gone_listener_is_removed_without_affecting_others(world: World) -> None:
    speaker, session_id = world.create_session()
    gone, stayer = world.listener(session_id), world.listener(session_id)
    world.sender.gone.add(gone)

    world.send_audio(speaker, 0)
    world.send_audio(speaker, 1)

    assert received_audio(world, stayer) == [("en", 1, 0), ("en", 1, 1)]
    assert world.connections.get(gone) is None
    assert world.session(session_id).listener_count == 1
    assert world.telemetry.counts["FanoutStale"] == 1  # not removed twice


def test_gone_interpreter_releases_the_language(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    interpreter = world.interpreter(session_id, "es")
    world.sender.gone.add(interpreter)

    world.send_audio(speaker, 0)
    world.clock.advance(1_500)
    world.send_audio(speaker, 1)

    assert [m["to"] for m in world.pushes(listener, "channelSourceChanged")] == [
        "human",
        "floor",
    ]
    assert received_audio(world, listener) == [("en", 1, 1)]


def test_late_chunk_is_dropped_and_counted(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.sender.script(listener, Outcome.DROPPED)

    world.send_audio(speaker)

    assert received_audio(world, listener) == []
    assert world.telemetry.counts["FanoutDropped"] == 1
    assert world.sender.posts[-1].deadline_at == world.clock.now_ms() + 400


def test_sending_audio_counts_as_activity(world: World) -> None:
    speaker, _ = world.create_session()
    for seq in range(3):
        world.send_audio(speaker, seq)
        world.clock.advance(30_000)

    stored = world.connections.get(speaker)

    assert stored is not None
    assert stored.last_activity_time == world.clock.now_ms() - 30_000
