"""Rights end with the token, unless a newer one is sent over the connection."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from shared.models.session import LEASE_MS
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World

LIFE_MS = 3_600_000
TOLERANCE_MS = 60_000
HEARTBEAT_MS = 1_000


def speaker_with(world: World, expires_at: int) -> tuple[str, str]:
    speaker = world.connect_until(expires_at, "alice", "speakers")
    reply = world.ask(speaker, "createSession", sourceLanguage="en")
    assert reply["type"] == "sessionCreated", reply
    return speaker, reply["sessionId"]


def interpreter_with(world: World, session_id: str, expires_at: int) -> str:
    connection = world.connect_until(expires_at, "ines", "interpreters")
    joined = join(world, connection, session_id, role="interpreter")
    assert joined["type"] == "sessionJoined", joined
    return connection


def join(world: World, connection: str, session_id: str, **more: Any) -> Any:
    return world.ask(connection, "joinSession", sessionId=session_id, targetLanguage="es", **more)


def received_seqs(world: World, listener: str) -> list[int]:
    return [message["seq"] for message in world.pushes(listener, "audio")]


def error_codes(world: World, connection: str) -> list[str]:
    return [message["code"] for message in world.pushes(connection, "error")]


def renew(world: World, connection: str, user: str, *groups: str, lasts_ms: int = LIFE_MS) -> Any:
    token = world.issuer.token(user, *groups, expires_at=world.clock.now_ms() + lasts_ms)
    return world.ask(connection, "authenticate", token=token)


def test_a_speaker_may_send_until_the_tolerance_is_over(world: World) -> None:
    expires_at = world.clock.now_ms() + LIFE_MS
    speaker, session_id = speaker_with(world, expires_at)
    listener = world.listener(session_id)

    world.clock.advance(LIFE_MS + TOLERANCE_MS - 1)
    world.send_audio(speaker, 0)
    world.clock.advance(1)
    world.send_audio(speaker, 1)

    assert received_seqs(world, listener) == [0]
    assert error_codes(world, speaker) == ["TOKEN_EXPIRED"]
    (error,) = world.pushes(speaker, "error")
    assert (error["status"], error["retryable"]) == (401, False)
    assert "authenticate" in error["message"]


def test_the_time_of_receipt_decides(world: World) -> None:
    expires_at = world.clock.now_ms() + LIFE_MS
    speaker, session_id = speaker_with(world, expires_at)
    listener = world.listener(session_id)

    world.clock.advance(LIFE_MS + TOLERANCE_MS)
    world.send_audio(speaker, 0, arrived_at=world.clock.now_ms() - 1)

    assert received_seqs(world, listener) == [0]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("pauseBroadcast", {}),
        ("setVolume", {"volume": 0.5}),
        ("endSession", {}),
        ("getSessionStatus", {}),
        ("heartbeat", {}),
        ("announce", {"scope": "session", "message": "Hello"}),
        ("createSession", {"sourceLanguage": "en"}),
        ("registerDevice", {"deviceId": "00000000-0000-4000-8000-000000000001"}),
    ],
)
def test_all_rights_of_the_token_end(world: World, action: str, fields: dict[str, Any]) -> None:
    speaker, _ = speaker_with(world, world.clock.now_ms() + LIFE_MS)

    world.clock.advance(LIFE_MS + TOLERANCE_MS)

    reply = world.ask(speaker, action, requestId="r", **fields)
    assert (reply["code"], reply["action"], reply["requestId"]) == ("TOKEN_EXPIRED", action, "r")


def test_an_operator_may_no_longer_announce(world: World) -> None:
    operator = world.connect_until(world.clock.now_ms() + LIFE_MS, "olga", "operators")
    assert world.ask(operator, "announce", scope="all", message="Hi")["type"] == "announcement"

    world.clock.advance(LIFE_MS + TOLERANCE_MS)

    assert world.ask(operator, "announce", scope="all", message="Hi")["code"] == "TOKEN_EXPIRED"
    assert world.ask(operator, "clearAnnouncement", scope="all")["code"] == "TOKEN_EXPIRED"


def test_a_refused_speaker_becomes_idle_and_the_grace_starts(world: World) -> None:
    speaker, session_id = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    world.clock.advance(LIFE_MS + TOLERANCE_MS - HEARTBEAT_MS)
    assert world.ask(speaker, "heartbeat")["type"] == "heartbeatAck"

    for _ in range(5):
        world.clock.advance(30_000)
        assert world.ask(speaker, "heartbeat")["code"] == "TOKEN_EXPIRED"
        world.send_audio(speaker, 0)
    world.sweep()

    assert world.pushes(speaker, "connectionTimeout"), "it was no sign of life"
    assert not world.session(session_id).speaker_connected
    world.clock.advance(60_000)
    world.fire_timers()
    assert not world.session(session_id).is_active


def test_an_interpreters_language_passes_on_with_its_lease(world: World) -> None:
    speaker, session_id = world.create_session()
    first = interpreter_with(world, session_id, world.clock.now_ms() + TOLERANCE_MS)
    second = world.interpreter(session_id, user="ivan", standby=True)

    for _ in range(2 * TOLERANCE_MS // HEARTBEAT_MS):
        assert world.ask(first, "heartbeat")["lease"]["holds"]
        world.ask(second, "heartbeat")
        world.clock.advance(HEARTBEAT_MS)
    waited, seq = 0, 0
    while world.session(session_id).channels["es"].connection_id == first:
        assert waited <= LEASE_MS
        assert world.ask(first, "heartbeat")["code"] == "TOKEN_EXPIRED"
        world.send_audio(first, seq)
        world.ask(second, "heartbeat")
        world.clock.advance(200)
        waited, seq = waited + 200, seq + 1
        world.send_audio(speaker, seq)

    assert world.session(session_id).channels["es"].connection_id == second
    assert world.ask(first, "takeOver")["code"] == "TOKEN_EXPIRED"
    assert world.ask(first, "leaveSession")["type"] == "sessionLeft"


def test_a_listener_continues_with_anonymous_rights(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.connect_until(world.clock.now_ms() + LIFE_MS, "lena", "speakers")
    assert join(world, listener, session_id)["type"] == "sessionJoined"

    world.clock.advance(LIFE_MS + TOLERANCE_MS)

    assert world.ask(listener, "heartbeat")["type"] == "heartbeatAck"
    changed = world.ask(listener, "changeLanguage", targetLanguage="fr")
    assert changed["type"] == "languageChanged"
    world.send_audio(speaker, 3)
    assert received_seqs(world, listener) == [3]
    other = {"action": "joinSession", "role": "speaker"}
    assert world.ask(listener, **other, sessionId=session_id, targetLanguage="en")["code"] == (
        "TOKEN_EXPIRED"
    )
    assert world.ask(listener, "leaveSession")["type"] == "sessionLeft"
    assert world.ask(listener, "createSession", sourceLanguage="en")["code"] == "TOKEN_EXPIRED"


def test_anonymous_callers_and_machines_with_a_ticket_have_no_expiry(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)

    world.clock.advance(100 * LIFE_MS)

    assert world.ask(listener, "heartbeat")["type"] == "heartbeatAck"
    assert world.ask(speaker, "pauseBroadcast")["type"] == "broadcastStateChanged"


def test_a_renewed_token_lets_the_speaker_continue_without_a_gap(world: World) -> None:
    speaker, session_id = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    listener = world.listener(session_id)

    for seq in range(4):
        world.send_audio(speaker, seq)
        world.clock.advance(LIFE_MS - 1)
        reply = renew(world, speaker, "alice", "speakers")
        assert reply == {
            "type": "authenticated",
            "expiresAt": world.clock.now_ms() + LIFE_MS,
            "timestamp": world.clock.now_ms(),
        }
        world.clock.advance(TOLERANCE_MS)  # the cached rights have expired

    assert received_seqs(world, listener) == [0, 1, 2, 3]
    assert world.ask(speaker, "pauseBroadcast")["type"] == "broadcastStateChanged"
    assert error_codes(world, speaker) == []


def test_a_late_renewal_restores_the_rights_immediately(world: World) -> None:
    speaker, session_id = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    listener = world.listener(session_id)
    world.clock.advance(LIFE_MS + TOLERANCE_MS)
    world.send_audio(speaker, 0)

    assert renew(world, speaker, "alice", "speakers")["type"] == "authenticated"
    world.send_audio(speaker, 1)

    assert received_seqs(world, listener) == [1]
    assert error_codes(world, speaker) == ["TOKEN_EXPIRED"]


def test_a_renewed_token_expires_as_well(world: World) -> None:
    speaker, _ = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    renew(world, speaker, "alice", "speakers", lasts_ms=2 * LIFE_MS)
    world.clock.advance(2 * LIFE_MS + TOLERANCE_MS - 1)
    assert world.ask(speaker, "pauseBroadcast")["type"] == "broadcastStateChanged"

    world.clock.advance(1)

    assert world.ask(speaker, "resumeBroadcast")["code"] == "TOKEN_EXPIRED"


def test_the_newer_tokens_groups_apply_once_the_former_has_expired(world: World) -> None:
    user = world.connect_until(world.clock.now_ms() + LIFE_MS, "alice", "speakers")
    renew(world, user, "alice", "operators", lasts_ms=2 * LIFE_MS)
    world.clock.advance(LIFE_MS + TOLERANCE_MS)

    assert world.ask(user, "announce", scope="all", message="Hi")["type"] == "announcement"
    assert world.ask(user, "createSession", sourceLanguage="en")["code"] == "FORBIDDEN"


def test_an_older_token_does_not_shorten_the_rights(world: World) -> None:
    speaker, _ = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    until = world.clock.now_ms() + 3 * LIFE_MS
    renew(world, speaker, "alice", "speakers", lasts_ms=3 * LIFE_MS)

    assert renew(world, speaker, "alice", "speakers", lasts_ms=LIFE_MS)["expiresAt"] == until
    world.clock.advance(3 * LIFE_MS - 1)
    assert world.ask(speaker, "pauseBroadcast")["type"] == "broadcastStateChanged"


def test_a_token_of_another_user_is_refused(world: World) -> None:
    anonymous = world.connect()
    lena = world.connect_until(world.clock.now_ms() + LIFE_MS, "lena", "speakers")

    assert renew(world, anonymous, "alice", "speakers")["code"] == "FORBIDDEN"
    assert renew(world, lena, "alice", "speakers")["code"] == "FORBIDDEN"
    assert world.ask(anonymous, "createSession", sourceLanguage="en")["code"] == (
        "AUTHENTICATION_REQUIRED"
    )


def test_the_token_must_allow_the_present_seat(world: World) -> None:
    expires_at = world.clock.now_ms() + LIFE_MS
    speaker, session_id = speaker_with(world, expires_at)
    interpreter = interpreter_with(world, session_id, expires_at)
    listener = world.connect_until(expires_at, "lena", "speakers")
    join(world, listener, session_id)

    assert renew(world, speaker, "alice", "interpreters")["code"] == "FORBIDDEN"
    assert renew(world, interpreter, "ines", "speakers")["code"] == "FORBIDDEN"
    assert renew(world, listener, "lena")["type"] == "authenticated"
    world.clock.advance(LIFE_MS + TOLERANCE_MS)
    assert world.ask(speaker, "pauseBroadcast")["code"] == "TOKEN_EXPIRED"


def test_a_listed_interpreter_needs_no_group(world: World) -> None:
    _, session_id = world.create_session(interpreters=["ines"])
    interpreter = interpreter_with(world, session_id, world.clock.now_ms() + LIFE_MS)

    assert renew(world, interpreter, "ines")["type"] == "authenticated"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "INVALID_MESSAGE"),
        ({"token": ""}, "INVALID_MESSAGE"),
        ({"token": 7}, "INVALID_MESSAGE"),
        ({"token": "a.b.c"}, "AUTHENTICATION_REQUIRED"),
        ({"token": "x" * 11_000}, "AUTHENTICATION_REQUIRED"),
        ({"token": "x" * 13_000}, "MESSAGE_TOO_LARGE"),
    ],
)
def test_an_invalid_token_is_refused_without_echoing_it(
    world: World, fields: dict[str, Any], code: str
) -> None:
    user = world.connect_until(world.clock.now_ms() + LIFE_MS, "alice")

    reply = world.ask(user, "authenticate", **fields)

    assert reply["code"] == code
    if code != "MESSAGE_TOO_LARGE":
        assert reply["message"].startswith("token: ")
    assert "a.b.c" not in reply["message"]


def test_an_expired_token_is_reported_as_expired(world: World) -> None:
    user = world.connect_until(world.clock.now_ms() + LIFE_MS, "alice")

    reply = renew(world, user, "alice", lasts_ms=-1)

    assert (reply["code"], reply["message"]) == (
        "TOKEN_EXPIRED",
        "token: already expired; get a new one",
    )


def test_an_unreachable_issuer_is_a_retryable_error(world: World) -> None:
    user = world.connect_until(world.clock.now_ms() + LIFE_MS, "alice")
    world.issuer.unreachable = True

    reply = renew(world, user, "alice")

    assert (reply["code"], reply["retryable"]) == ("UNAVAILABLE", True)


def test_gone_and_replaced_connections_cannot_be_renewed(world: World) -> None:
    expires_at = world.clock.now_ms() + LIFE_MS
    former = world.connect_until(expires_at, "alice", "speakers")
    created = world.ask(former, "createSession", sourceLanguage="en")
    present = world.connect_until(expires_at, "alice", "speakers")
    join_again = {"role": "speaker", "resumeToken": created["resumeToken"]}
    assert join(world, present, created["sessionId"], **join_again)["resumed"]

    assert renew(world, former, "alice", "speakers")["code"] == "CONNECTION_NOT_FOUND"
    world.disconnect(present)
    assert renew(world, present, "alice", "speakers")["code"] == "CONNECTION_NOT_FOUND"


def test_audio_costs_no_read_of_the_connection_until_the_token_expires(world: World) -> None:
    speaker, _ = speaker_with(world, world.clock.now_ms() + LIFE_MS)
    renew(world, speaker, "alice", "speakers", lasts_ms=2 * LIFE_MS)
    counting = CountingClient()
    world.use_dynamodb(counting)
    seqs = itertools.count()

    def reads() -> int:
        before = counting.requests["get_item"]
        world.send_audio(speaker, next(seqs))
        world.clock.advance(200)
        return counting.requests["get_item"] - before

    early = [reads() for _ in range(3)]
    world.clock.advance(LIFE_MS + TOLERANCE_MS)
    late = [reads() for _ in range(3)]

    # One session read per chunk; the first also looks up the seat and records activity.
    assert early == [3, 1, 1]
    # The first chunk after the expiry also looks up the newer token.
    assert late == [2, 1, 1]
