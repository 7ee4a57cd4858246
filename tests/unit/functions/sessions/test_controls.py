"""Pause, mute and volume: pushes and delivery of audio."""

from __future__ import annotations

from typing import Any

import pytest

from shared.models.broadcast_state import BroadcastState
from tests.helpers.world import World
from tests.unit.functions.controls import error_of, received_seqs


def test_the_speaker_gets_the_reply_and_all_others_the_push(world: World) -> None:
    speaker, session_id = world.create_session()
    members = [world.listener(session_id), world.interpreter(session_id, "fr")]
    stranger = world.listener(world.create_session()[1])
    world.clock.advance(10)

    reply = world.ask(speaker, "pauseBroadcast", requestId="r1")

    state = {
        "isActive": True,
        "isPaused": True,
        "isMuted": False,
        "volume": 1.0,
        "lastStateChange": world.clock.now_ms(),
    }
    changed = {
        "type": "broadcastStateChanged",
        "sessionId": session_id,
        "broadcastState": state,
    }
    assert reply == {**changed, "requestId": "r1"}
    for member in members:
        assert world.pushes(member, "broadcastStateChanged") == [changed]
    assert world.pushes(speaker) == []
    assert world.pushes(stranger) == []
    assert world.session(session_id).broadcast_state.to_dict() == state


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("pauseBroadcast", {}, BroadcastState(is_paused=True, is_muted=True, volume=0.5)),
        ("resumeBroadcast", {}, BroadcastState(is_muted=True, volume=0.5)),
        ("muteBroadcast", {}, BroadcastState(is_paused=True, is_muted=True, volume=0.5)),
        ("unmuteBroadcast", {}, BroadcastState(is_paused=True, volume=0.5)),
        ("setVolume", {"volume": 0}, BroadcastState(is_paused=True, is_muted=True, volume=0)),
        ("setVolume", {"volume": 1}, BroadcastState(is_paused=True, is_muted=True)),
    ],
)
def test_each_control_changes_only_its_own_field(
    world: World, action: str, fields: dict[str, Any], expected: BroadcastState
) -> None:
    speaker, session_id = world.create_session()
    for before in ("pauseBroadcast", "muteBroadcast"):
        world.ask(speaker, before)
    world.ask(speaker, "setVolume", volume=0.5)

    reply = world.ask(speaker, action, **fields)

    latest = reply["broadcastState"].pop("lastStateChange")
    values = expected.to_dict()
    values.pop("lastStateChange")
    assert reply["broadcastState"] == values
    assert world.session(session_id).broadcast_state.last_state_change == latest


def test_a_repeated_control_is_pushed_again_without_a_change(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    first = world.ask(speaker, "pauseBroadcast")
    world.clock.advance(1_000)

    again = world.ask(speaker, "pauseBroadcast")

    assert again == first
    assert world.pushes(listener, "broadcastStateChanged") == [first, first]


def test_changes_stay_in_order_within_a_millisecond_and_with_lagging_clocks(world: World) -> None:
    speaker, _ = world.create_session()
    changes = []
    for action, step in (
        ("pauseBroadcast", 0),
        ("resumeBroadcast", 0),
        ("muteBroadcast", -500),
        ("unmuteBroadcast", 2_000),
    ):
        world.clock.advance(step)
        changes.append(world.ask(speaker, action)["broadcastState"]["lastStateChange"])

    assert sorted(set(changes)) == changes
    assert changes[-1] == world.clock.now_ms()


@pytest.mark.parametrize(
    ("stop", "go_on"),
    [("pauseBroadcast", "resumeBroadcast"), ("muteBroadcast", "unmuteBroadcast")],
)
def test_audio_is_dropped_without_an_error_while_paused_or_muted(
    world: World, stop: str, go_on: str
) -> None:
    speaker, session_id = world.create_session()
    interpreter = world.interpreter(session_id, "es")
    floor, spanish = world.listener(session_id, "en"), world.listener(session_id, "es")
    world.send_audio(speaker, 1)
    world.ask(speaker, stop)
    world.clock.advance(200)
    world.send_audio(speaker, 2)
    world.send_audio(interpreter, 2)
    world.clock.advance(200)

    world.ask(speaker, go_on)
    world.send_audio(speaker, 3)
    world.send_audio(interpreter, 3)

    assert received_seqs(world, floor) == [1, 3]
    assert received_seqs(world, spanish) == [3]
    assert world.pushes(speaker) == []
    assert world.pushes(interpreter, "error") == []


def test_paused_and_muted_stays_silent_until_both_are_lifted(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.ask(speaker, "pauseBroadcast")
    world.ask(speaker, "muteBroadcast")
    world.ask(speaker, "resumeBroadcast")
    world.send_audio(speaker, 1)
    world.ask(speaker, "unmuteBroadcast")
    world.send_audio(speaker, 2)

    assert received_seqs(world, listener) == [2]


def test_a_long_pause_does_not_change_the_pace(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 0)
    world.ask(speaker, "pauseBroadcast")
    world.clock.advance(600_000)
    world.ask(speaker, "resumeBroadcast")

    world.send_audio(speaker, 3_000)
    world.send_audio(speaker, 3_001)

    assert received_seqs(world, listener) == [0, 3_000, 3_001]


def test_a_chunk_received_during_the_pause_is_dropped_after_it(world: World) -> None:
    """However late its invocation started."""
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.ask(speaker, "muteBroadcast")
    world.clock.advance(50)
    arrived_at = world.clock.now_ms()
    world.clock.advance(50)
    world.ask(speaker, "unmuteBroadcast")
    world.clock.advance(50)

    world.send_audio(speaker, 1, arrived_at=arrived_at)
    world.send_audio(speaker, 2)

    assert received_seqs(world, listener) == [2]


def test_a_volume_change_drops_no_audio(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    arrived_at = world.clock.now_ms()
    world.clock.advance(50)
    world.ask(speaker, "setVolume", volume=0.5)

    world.send_audio(speaker, 1, arrived_at=arrived_at)

    assert received_seqs(world, listener) == [1]


def test_a_clock_that_is_ahead_drops_no_audio(world: World) -> None:
    """An instance whose clock is a minute fast has lifted the pause."""
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.ask(speaker, "pauseBroadcast")
    world.clock.advance(60_000)
    world.ask(speaker, "resumeBroadcast")
    world.clock.advance(-60_000)

    world.send_audio(speaker, 1)

    assert received_seqs(world, listener) == [1]


def test_a_chunk_sent_before_the_pause_keeps_its_deadline(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 1)
    world.ask(speaker, "pauseBroadcast")
    paused_at = world.clock.now_ms()

    deadlines = [post.deadline_at for post in world.sender.posts if b'"audio"' in post.data]

    assert received_seqs(world, listener) == [1]
    assert deadlines == [paused_at + 400]


def test_joining_and_returning_members_get_the_state(world: World) -> None:
    speaker, session_id = world.create_session()
    world.ask(speaker, "setVolume", volume=0.5)
    state = world.ask(speaker, "pauseBroadcast")["broadcastState"]

    listener = world.connect()
    joined = world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
    owner = world.connect("alice", "speakers")
    returned = world.ask(
        owner, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )

    assert joined["broadcastState"] == state
    assert returned["broadcastState"] == state


def test_only_the_owners_new_connection_may_use_controls(world: World) -> None:
    old, session_id = world.create_session()
    new = world.connect("alice", "speakers")
    world.ask(new, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")

    assert error_of(world.ask(old, "pauseBroadcast")) == (403, "FORBIDDEN")
    assert not world.session(session_id).broadcast_state.is_paused
    assert world.ask(new, "pauseBroadcast")["broadcastState"]["isPaused"]


@pytest.mark.parametrize(
    ("volume", "kept"),
    [("1e-300", 0.0), ("-0.0", 0.0), ("0.12345678901234567890", 0.123457), ("1", 1.0)],
)
def test_volumes_are_rounded_to_an_audible_precision(
    world: World, volume: str, kept: float
) -> None:
    speaker, session_id = world.create_session()

    reply = world.ask_text(speaker, f'{{"action": "setVolume", "volume": {volume}}}')

    assert reply["broadcastState"]["volume"] == kept
    assert world.session(session_id).broadcast_state.volume == kept


def test_a_gone_listener_does_not_affect_controls(world: World) -> None:
    speaker, session_id = world.create_session()
    gone, there = world.listener(session_id), world.listener(session_id)
    world.sender.gone.add(gone)

    reply = world.ask(speaker, "pauseBroadcast")

    assert reply["broadcastState"]["isPaused"]
    assert len(world.pushes(there, "broadcastStateChanged")) == 1
    assert world.session(session_id).listener_count == 1
