"""Errors of the controls: rights, session state and invalid values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.world import World
from tests.unit.functions.controls import CONTROLS, error_of, every_control


@every_control
def test_only_the_speaker_may_use_controls(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    _, session_id = world.create_session()
    before = world.session(session_id)

    for member in (world.listener(session_id), world.interpreter(session_id)):
        assert error_of(world.ask(member, action, **fields)) == (403, "FORBIDDEN")

    assert world.session(session_id).broadcast_state == before.broadcast_state


@every_control
def test_a_speaker_controls_only_their_own_session(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    """The connection determines the session, not a field of the message."""
    _, session_id = world.create_session()
    listener = world.listener(session_id)
    before = world.session(session_id).broadcast_state
    other, own_id = world.create_session()

    reply = world.ask(other, action, sessionId=session_id, **fields)

    assert reply["sessionId"] == own_id
    assert world.session(session_id).broadcast_state == before
    assert world.pushes(listener) == []


@every_control
def test_controls_fail_without_a_session_and_after_its_end(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    assert error_of(world.ask(world.connect(), action, **fields)) == (409, "NOT_IN_SESSION")
    speaker, session_id = world.create_session()
    world.ask(speaker, "endSession")
    before = world.session(session_id)

    assert error_of(world.ask(speaker, action, **fields)) == (410, "SESSION_ENDED")
    assert world.session(session_id) == before


@every_control
def test_an_unknown_connection_is_refused(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    speaker, session_id = world.create_session()
    world.disconnect(speaker)
    before = world.session(session_id)

    assert error_of(world.ask(speaker, action, **fields)) == (404, "CONNECTION_NOT_FOUND")
    assert world.session(session_id) == before


@pytest.mark.parametrize(("action", "fields"), [*CONTROLS, ("endSession", {})], ids=str)
def test_a_speaker_in_grace_must_return_first(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    """A push wrongly found the connection gone."""
    speaker, session_id = world.create_session()
    world.sessions.start_grace(session_id, speaker, world.clock.now_ms() + 60_000)
    before = world.session(session_id)

    assert error_of(world.ask(speaker, action, **fields)) == (403, "FORBIDDEN")
    assert world.session(session_id) == before


@every_control
def test_messages_over_4_kb_are_refused(world: World, action: str, fields: dict[str, Any]) -> None:
    speaker, session_id = world.create_session()
    before = world.session(session_id)

    reply = world.ask(speaker, action, padding="x" * 5_000, **fields)

    assert error_of(reply) == (413, "MESSAGE_TOO_LARGE")
    assert world.session(session_id) == before


@pytest.mark.parametrize(
    ("volume", "code", "told"),
    [
        ("-0.1", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ("1.01", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ("2", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ('"1"', "INVALID_MESSAGE", "volume: expected float, got str"),
        ("true", "INVALID_MESSAGE", "volume: expected float, got bool"),
        ("null", "INVALID_MESSAGE", "volume: expected float, got null"),
        ("[1]", "INVALID_MESSAGE", "volume: expected float, got array"),
        ("1e400", "INVALID_MESSAGE", "volume: Number out of range"),
        # These are invalid JSON, so the error cannot name a field.
        ("NaN", "INVALID_MESSAGE", "message: not JSON"),
        ("Infinity", "INVALID_MESSAGE", "message: not JSON"),
    ],
)
@pytest.mark.parametrize("role", ["speaker", "listener", "nobody"])
def test_invalid_volumes_are_refused(
    world: World, volume: str, code: str, told: str, role: str
) -> None:
    """Invalid values are reported before the session state."""
    speaker, session_id = world.create_session()
    senders = {
        "speaker": speaker,
        "listener": world.listener(session_id),
        "nobody": world.connect(),
    }
    before = world.session(session_id)

    reply = world.ask_text(senders[role], f'{{"action": "setVolume", "volume": {volume}}}')

    assert error_of(reply) == (400, code)
    assert reply["message"].startswith(told)
    assert world.session(session_id) == before


def test_the_volume_is_required(world: World) -> None:
    speaker, _ = world.create_session()

    reply = world.ask(speaker, "setVolume")

    assert error_of(reply) == (400, "INVALID_MESSAGE")
    assert reply["message"] == "volume: missing"
