"""A disconnected speaker returns within the grace period, or the session ends."""

from __future__ import annotations

import pytest

from shared.models.timers import GraceOver
from tests.helpers.clients import Message
from tests.helpers.world import World

GRACE_MS = 60_000


def come_back(world: World, session_id: str, user: str = "alice") -> tuple[str, Message]:
    """Take the floor by a new connection of the owner."""
    connection = world.connect(user, "speakers")
    reply = world.ask(
        connection, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )
    return connection, reply


def test_everyone_is_notified_that_the_speaker_is_away(world: World) -> None:
    speaker, session_id = world.create_session()
    members = [world.listener(session_id), world.interpreter(session_id)]

    world.disconnect(speaker)
    world.disconnect(speaker)

    for member in members:
        assert world.pushes(member, "speakerDisconnected") == [
            {"type": "speakerDisconnected", "sessionId": session_id, "graceSeconds": 60}
        ]
        assert world.pushes(member, "sessionEnded") == []
    session = world.session(session_id)
    assert session.is_active
    assert not session.speaker_connected
    assert world.timers.set_ == [(GraceOver(session_id=session_id, speaker_epoch=1), 60)]


def test_joining_members_learn_that_the_speaker_is_away(world: World) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)

    reply = world.ask(world.connect(), "joinSession", sessionId=session_id, targetLanguage="es")

    assert (reply["type"], reply["speakerConnected"]) == ("sessionJoined", False)


def test_a_speaker_returns_and_continues(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 0)
    world.disconnect(speaker)

    returned, reply = come_back(world, session_id)
    world.send_audio(returned, 7)
    rung = world.fire_timers()

    assert (reply["type"], reply["epoch"], reply["speakerConnected"]) == ("sessionJoined", 2, True)
    kinds = [message["type"] for message in world.pushes(listener)]
    assert kinds == ["audio", "speakerDisconnected", "speakerReconnected", "audio"]
    assert [(m["epoch"], m["seq"]) for m in world.pushes(listener, "audio")] == [(1, 0), (2, 7)]
    assert rung == {"batchItemFailures": []}
    assert world.session(session_id).is_active
    # The former connection is already closed.
    assert world.sender.deleted == []


def test_a_speaker_who_stays_away_ends_the_session(world: World) -> None:
    speaker, session_id = world.create_session()
    members = [world.listener(session_id), world.interpreter(session_id)]
    world.disconnect(speaker)
    world.clock.advance(GRACE_MS)

    assert world.fire_timers() == {"batchItemFailures": []}

    for member in members:
        assert world.pushes(member, "sessionEnded") == [
            {"type": "sessionEnded", "sessionId": session_id, "reason": "speakerLeft"}
        ]
    assert not world.session(session_id).is_active
    _, reply = come_back(world, session_id)
    assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")


def test_a_timer_of_an_earlier_absence_does_not_end_the_session(world: World) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)
    returned, _ = come_back(world, session_id)
    world.disconnect(returned)
    early = world.timers.set_.pop()
    assert early[0].speaker_epoch == 2

    world.fire_timers()

    assert world.session(session_id).is_active
    assert not world.session(session_id).speaker_connected


def test_a_repeated_timer_only_repeats_the_notification(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.disconnect(speaker)

    world.fire_timers()
    ended = world.session(session_id)
    world.clock.advance(5_000)
    world.fire_timers()

    # The notification is repeated, in case the first one failed midway.
    assert len(world.pushes(listener, "sessionEnded")) == 2
    assert world.session(session_id) == ended


def test_a_timer_does_not_affect_a_session_the_speaker_ended(world: World) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)
    returned, _ = come_back(world, session_id)
    world.ask(returned, "endSession")
    listener = world.connect()

    assert world.fire_timers() == {"batchItemFailures": []}

    assert world.session(session_id).end_reason == "ended"
    assert world.pushes(listener) == []


def test_disconnecting_a_former_connection_starts_no_grace(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    returned, _ = come_back(world, session_id)

    world.disconnect(speaker)

    assert world.session(session_id).speaker_connected
    assert world.timers.set_ == []
    assert world.pushes(listener, "speakerDisconnected") == []
    world.send_audio(returned, 0)
    assert len(world.pushes(listener, "audio")) == 1


def test_a_disconnected_speaker_may_not_send(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 0)
    world.disconnect(speaker)

    # API Gateway does not keep the order: a chunk may be handled after $disconnect.
    world.send_audio(speaker, 1)

    assert [message["seq"] for message in world.pushes(listener, "audio")] == [0]


def test_only_the_owner_may_return(world: World) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)

    _, reply = come_back(world, session_id, "bob")

    assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")
    assert not world.session(session_id).speaker_connected


def test_a_timer_that_could_not_be_set_is_set_by_the_next_clean_up(
    world: World,
) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.timers.failing = True
    world.disconnect(speaker)
    world.timers.failing = False

    world.disconnect(speaker)

    assert len(world.pushes(listener, "speakerDisconnected")) == 1
    assert len(world.timers.set_) == 1
    world.fire_timers()
    assert not world.session(session_id).is_active


def test_without_a_timer_the_next_join_ends_the_session(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.disconnect(speaker)
    world.clock.advance(GRACE_MS + 10_000)

    reply = world.ask(world.connect(), "joinSession", sessionId=session_id, targetLanguage="es")

    assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")
    assert world.pushes(listener, "sessionEnded") != []
    assert not world.session(session_id).is_active


def test_a_late_timer_does_not_shorten_the_grace(world: World) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)
    world.clock.advance(GRACE_MS + 1_000)

    _, reply = come_back(world, session_id)

    assert reply["type"] == "sessionJoined"


def test_a_speaker_found_gone_by_a_push_is_away_too(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.sender.gone.add(speaker)

    world.interpreter(session_id)
    world.ask(world.connect("ines", "interpreters"), "heartbeat")
    come_back(world, session_id)

    assert world.session(session_id).speaker_connected
    assert world.pushes(listener, "speakerReconnected") != []


@pytest.mark.parametrize("body", ["no json", "{}", '{"type": "graceOver", "sessionId": 1}'])
def test_an_invalid_message_does_not_fail_the_batch(world: World, body: str) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)

    assert world.fire_timers(body) == {"batchItemFailures": [{"itemIdentifier": "1"}]}

    assert not world.session(session_id).is_active
    assert world.telemetry.faults == ["message failed"]
