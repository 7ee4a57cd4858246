"""Races between the two writes of a change: losers are undone, counters stay correct."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import SPEAKER_SEAT, Membership
from shared.models.session import Session
from tests.helpers.clients import Message
from tests.helpers.database.tables import interpreter_channels
from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World


@pytest.fixture
def sessions(world: World) -> Iterator[RaceProxy]:
    """Stages races around the control function's sessions repository."""
    sessions = RaceProxy(world.sessions)
    world.use_sessions(sessions)
    yield sessions
    sessions.assert_no_hooks_left()


@pytest.fixture
def channels(world: World) -> Iterator[RaceProxy]:
    """Stages races around the control function's channels."""
    channels = RaceProxy(interpreter_channels())
    world.use_channels(channels)
    yield channels
    channels.assert_no_hooks_left()


def listener_counts(world: World, session_id: str) -> tuple[int, dict[str, int]]:
    session = world.session(session_id)
    return session.listener_count, {k: v for k, v in session.language_counts.items() if v}


def test_listener_vanishes_while_joining(world: World, sessions: RaceProxy) -> None:
    _, session_id = world.create_session()
    listener = world.connect()
    sessions.before["count_in"] = lambda: world.disconnect(listener)

    world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")

    assert listener_counts(world, session_id) == (0, {})


def test_listener_joins_two_sessions_at_once(world: World, sessions: RaceProxy) -> None:
    _, first = world.create_session()
    _, second = world.create_session()
    listener = world.connect()
    others: list[Message] = []
    sessions.before["count_in"] = lambda: others.append(
        world.ask(listener, "joinSession", sessionId=second, targetLanguage="fr")
    )

    reply = world.ask(listener, "joinSession", sessionId=first, targetLanguage="es")

    assert (reply["type"], others[0]["code"]) == ("sessionJoined", "ALREADY_IN_SESSION")
    assert listener_counts(world, first) == (1, {"es": 1})
    assert listener_counts(world, second) == (0, {})


def test_session_ends_while_a_listener_joins(world: World, sessions: RaceProxy) -> None:
    speaker, session_id = world.create_session()
    sessions.before["count_in"] = lambda: world.ask(speaker, "endSession")

    reply = world.ask(world.connect(), "joinSession", sessionId=session_id, targetLanguage="es")

    assert reply["code"] == "SESSION_ENDED"
    assert listener_counts(world, session_id) == (0, {})


def test_interpreter_vanishes_while_joining(world: World, channels: RaceProxy) -> None:
    _, session_id = world.create_session()
    interpreter = world.connect("ines", "interpreters")
    channels.after["change"] = lambda: world.disconnect(interpreter)

    reply = world.ask(
        interpreter,
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        role="interpreter",
    )

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    channel = world.session(session_id).channels["es"]
    assert (channel.epoch, channel.connection_id) == (1, None)


def test_two_interpreters_join_one_language(world: World, channels: RaceProxy) -> None:
    _, session_id = world.create_session()
    second = world.connect("ivan", "interpreters")
    channels.before["change"] = lambda: world.interpreter(session_id, "es")

    reply = world.ask(
        second, "joinSession", sessionId=session_id, targetLanguage="es", role="interpreter"
    )

    assert reply["code"] == "LANGUAGE_TAKEN"
    assert world.ask(second, "leaveSession")["code"] == "NOT_IN_SESSION"


def test_interpreter_joins_while_another_joins_and_leaves(
    world: World, channels: RaceProxy
) -> None:
    _, session_id = world.create_session()

    def come_and_go() -> None:
        world.disconnect(world.interpreter(session_id, "es"))

    channels.before["change"] = come_and_go

    second = world.interpreter(session_id, "es", "ivan")

    channel = world.session(session_id).channels["es"]
    assert (channel.epoch, channel.connection_id) == (2, second)


def test_speaker_vanishes_while_creating(world: World, sessions: RaceProxy) -> None:
    speaker = world.connect("alice", "speakers")
    sessions.after["create"] = lambda: world.disconnect(speaker)

    reply = world.ask(speaker, "createSession", sourceLanguage="en")

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    assert world.sessions.get("golden-eagle-001") is None


def test_listener_leaves_while_changing_language(world: World, sessions: RaceProxy) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    sessions.before["count_moved"] = lambda: world.disconnect(listener)

    reply = world.ask(listener, "changeLanguage", targetLanguage="fr")

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    assert listener_counts(world, session_id) == (0, {})


def test_listener_vanishes_between_seat_and_counters(world: World, sessions: RaceProxy) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    sessions.after["count_moved"] = lambda: world.disconnect(listener)

    world.ask(listener, "changeLanguage", targetLanguage="fr")

    assert listener_counts(world, session_id) == (0, {})


def test_two_concurrent_language_changes(world: World, sessions: RaceProxy) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    sessions.before["count_moved"] = lambda: world.ask(
        listener, "changeLanguage", targetLanguage="de"
    )

    reply = world.ask(listener, "changeLanguage", targetLanguage="fr")

    assert reply["targetLanguage"] == "fr"
    assert listener_counts(world, session_id) == (1, {"fr": 1})


def test_owner_returns_twice_concurrently(world: World, sessions: RaceProxy) -> None:
    _, session_id = world.create_session()
    first, second = world.connect("alice", "speakers"), world.connect("alice", "speakers")
    come_back = {"sessionId": session_id, "targetLanguage": "en", "role": "speaker"}
    sessions.before["take_floor"] = lambda: world.ask(first, "joinSession", **come_back)

    reply = world.ask(second, "joinSession", **come_back)

    session: Session = world.session(session_id)
    assert reply["epoch"] == session.speaker_epoch == 3
    assert session.speaker_connection_id == second
    connection = world.connections.get(second)
    assert connection is not None
    assert connection.membership == Membership(session_id, SPEAKER_SEAT, 3)


def test_failed_disconnect_of_an_interpreter_is_completed_later(
    world: World, channels: RaceProxy
) -> None:
    """The database fails midway; the next fan-out finds the row and completes the removal."""

    def refuse() -> None:
        raise StoreUnavailableError("update_item: ThrottlingException")

    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    interpreter = world.interpreter(session_id, "es")
    channels.before["change"] = refuse
    refused = world.ask(interpreter, "leaveSession")
    assert (refused["code"], refused["retryable"]) == ("UNAVAILABLE", True)

    world.sender.gone.add(interpreter)
    world.send_audio(speaker)

    assert world.session(session_id).interpreted() == {}
    assert [m["to"] for m in world.pushes(listener, "channelSourceChanged")] == ["human", "floor"]


def test_leaving_again_after_a_failure_works(world: World, channels: RaceProxy) -> None:
    def refuse() -> None:
        raise StoreUnavailableError("update_item: ThrottlingException")

    _, session_id = world.create_session()
    interpreter = world.interpreter(session_id, "es")
    channels.after["change"] = refuse

    assert world.ask(interpreter, "leaveSession")["code"] == "UNAVAILABLE"
    assert world.ask(interpreter, "leaveSession")["type"] == "sessionLeft"
    assert world.session(session_id).interpreted() == {}


def test_session_ends_while_its_speaker_pauses(world: World, sessions: RaceProxy) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    sessions.after["get"] = lambda: world.ask(speaker, "endSession")

    reply = world.ask(speaker, "pauseBroadcast")

    assert reply["code"] == "SESSION_ENDED"
    assert not world.session(session_id).broadcast_state.is_paused
    assert world.pushes(listener, "broadcastStateChanged") == []


def test_owner_returns_elsewhere_while_the_former_connection_pauses(
    world: World, sessions: RaceProxy
) -> None:
    former, session_id = world.create_session()
    owner = world.connect("alice", "speakers")
    sessions.after["get"] = lambda: world.ask(
        owner, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )

    reply = world.ask(former, "pauseBroadcast")

    assert reply["code"] == "FORBIDDEN"
    assert world.session(session_id).broadcast_state.is_broadcasting()


def test_two_concurrent_controls_both_apply_and_are_pushed(
    world: World, sessions: RaceProxy
) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    sessions.after["get"] = lambda: world.ask(speaker, "muteBroadcast")

    reply = world.ask(speaker, "setVolume", volume=0.5)

    state = reply["broadcastState"]
    assert (state["isMuted"], state["volume"]) == (True, 0.5)
    told = [push["broadcastState"] for push in world.pushes(listener, "broadcastStateChanged")]
    assert [(news["isMuted"], news["volume"]) for news in told] == [(True, 1.0), (True, 0.5)]
    assert told[0]["lastStateChange"] < told[1]["lastStateChange"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_returning_speaker_disconnects_meanwhile(
    world: World, sessions: RaceProxy, when: str
) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id)
    returned = world.connect("alice", "speakers")
    getattr(sessions, when)["take_floor"] = lambda: world.disconnect(returned)

    reply = world.ask(
        returned, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )

    assert reply["code"] == "CONNECTION_NOT_FOUND"
    assert not world.session(session_id).speaker_connected
    assert world.timers.set_[-1][0].speaker_epoch == 2
    assert len(world.pushes(listener, "speakerDisconnected")) == 1
