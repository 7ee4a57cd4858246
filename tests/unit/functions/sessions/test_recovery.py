"""Returning listeners: `last` in joinSession and `recovered` in its reply (rule 22)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from hypothesis.strategies import (
    booleans,
    fixed_dictionaries,
    floats,
    integers,
    none,
    one_of,
    sampled_from,
    text,
)

from tests.helpers.clients import Message
from tests.helpers.world import World, new_world
from tests.unit.functions.seats import create_session, join

# The longest chunk's deadline, and a second by which instances' clocks may differ.
SETTLED_MS = 2_500
LAST = {"language": "en", "epoch": 1, "seq": 7}


def _return(world: World, session_id: str, last: object, **fields: Any) -> Message:
    """Join on a new connection."""
    return join(world, world.connect(), session_id, last=last, **fields)


def _silence(world: World, speaker: str, control: str = "pauseBroadcast") -> int:
    """Pause or mute for just long enough; returns the time."""
    world.clock.advance(1)
    world.ask(speaker, control)
    world.clock.advance(SETTLED_MS)
    return world.clock.now_ms()


def _paused(world: World) -> tuple[str, str, int]:
    """A session that has been paused for just long enough; the speaker, its id, and the time."""
    speaker, session_id, _ = create_session(world)
    return speaker, session_id, _silence(world, speaker)


def test_who_does_not_ask_gets_no_answer(world: World) -> None:
    _, session_id, _ = create_session(world)
    assert "recovered" not in join(world, world.connect(), session_id)


def test_while_audio_flows_nothing_vouches_for_the_gap(world: World) -> None:
    _, session_id, _ = create_session(world)
    reply = _return(world, session_id, {**LAST, "at": world.clock.now_ms()})
    assert reply["recovered"] is False


@pytest.mark.parametrize("control", ["pauseBroadcast", "muteBroadcast"])
def test_a_broadcast_silent_throughout_was_not_missed(world: World, control: str) -> None:
    speaker, session_id, _ = create_session(world)
    at = _silence(world, speaker, control)
    world.clock.advance(600_000)
    assert _return(world, session_id, {**LAST, "at": at})["recovered"] is True
    # Before that, a chunk of the time before the pause may still have been on its way.
    assert _return(world, session_id, {**LAST, "at": at - 1})["recovered"] is False


@pytest.mark.parametrize(
    "last",
    [
        {"epoch": 2},
        {"language": "es"},  # its listeners hear the floor
        {"at": None},
    ],
)
def test_another_source_or_no_time_proves_nothing(world: World, last: Message) -> None:
    _, session_id, at = _paused(world)
    assert _return(world, session_id, {**LAST, "at": at, **last})["recovered"] is False


def test_an_interrupted_pause_proves_nothing(world: World) -> None:
    speaker, session_id, at = _paused(world)
    world.ask(speaker, "resumeBroadcast")
    world.ask(speaker, "pauseBroadcast")
    assert _return(world, session_id, {**LAST, "at": at})["recovered"] is False


def test_the_language_is_compared_in_lower_case(world: World) -> None:
    _, session_id, at = _paused(world)
    assert _return(world, session_id, {**LAST, "language": "EN", "at": at})["recovered"] is True


def test_an_interpreted_language_has_its_own_epochs(world: World) -> None:
    speaker, session_id, _ = create_session(world)
    world.interpreter(session_id, "es")
    last = {"language": "es", "epoch": 1, "seq": 3, "at": _silence(world, speaker)}
    assert _return(world, session_id, last)["recovered"] is True
    world.interpreter(session_id, "es", "iris", standby=True)
    world.clock.advance(60_000)
    successor = world.interpreter(session_id, "es", "ivan")
    assert world.session(session_id).channels["es"].connection_id == successor
    assert _return(world, session_id, last)["recovered"] is False


def test_a_seat_taken_back_and_a_repeated_join_are_answered_too(world: World) -> None:
    speaker, session_id, _ = create_session(world)
    token = join(world, world.connect(), session_id)["resumeToken"]
    last = {**LAST, "at": _silence(world, speaker)}
    connection = world.connect()
    for _ in range(2):
        reply = join(world, connection, session_id, last=last, resumeToken=token)
        assert (reply["resumed"], reply["recovered"]) == (True, True)


@pytest.mark.parametrize(
    ("last", "code", "message"),
    [
        ("golden", "INVALID_MESSAGE", "last: expected object | null, got str"),
        ({"language": "en", "seq": 1}, "INVALID_MESSAGE", "last.epoch: missing"),
        ({**LAST, "seq": -1}, "INVALID_MESSAGE", "last.seq: expected int >= 0"),
        ({**LAST, "at": 2**53}, "INVALID_MESSAGE", "last.at: expected int <= "),
        ({**LAST, "epoch": True}, "INVALID_MESSAGE", "last.epoch: expected int, got bool"),
        ({**LAST, "language": "english"}, "INVALID_LANGUAGE", "last.language: not a BCP 47"),
    ],
)
def test_a_position_that_is_none_is_refused_by_its_field(
    world: World, last: object, code: str, message: str
) -> None:
    _, session_id, _ = create_session(world)
    reply = _return(world, session_id, last)
    assert (reply["type"], reply["code"]) == ("error", code)
    assert reply["message"].startswith(message)


_FLOATS = floats(allow_nan=False, allow_infinity=False)  # as in JSON
_SCALARS = one_of(
    none(),
    booleans(),
    integers(-(2**60), 2**60),
    integers(0, 2**53 - 1),
    _FLOATS,
    text(max_size=9),
)
_NUMBER_OR_NOT = one_of(integers(0, 2**53 - 1), _SCALARS)


@given(
    fixed_dictionaries(
        {},
        optional={
            "language": one_of(sampled_from(["en", "ES", "pt-br"]), _SCALARS),
            "epoch": _NUMBER_OR_NOT,
            "seq": _NUMBER_OR_NOT,
            "at": _NUMBER_OR_NOT,
            "more": _SCALARS,
        },
    )
)
def test_any_position_is_answered_or_refused_by_its_field(last: Message) -> None:
    with new_world() as world:
        _, session_id, _ = create_session(world)
        reply = _return(world, session_id, last)
    if reply["type"] == "error":
        assert reply["code"] in {"INVALID_MESSAGE", "INVALID_LANGUAGE"}
        assert reply["message"].startswith("last")
    else:
        assert reply["recovered"] is False


def test_only_listeners_ask(world: World) -> None:
    _, session_id, _ = create_session(world)
    interpreter = world.connect("ines", "interpreters")
    reply = join(world, interpreter, session_id, role="interpreter", last=LAST)
    assert (reply["code"], reply["message"]) == (
        "INVALID_MESSAGE",
        "last: only with the role listener; leave it out",
    )


class Returns(RuleBasedStateMachine):
    """One listener comes and goes; another one stays and hears everything."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        self.speaker, self.session_id = self.world.create_session()
        self.witness = self.world.listener(self.session_id)
        self.listener = self.world.listener(self.session_id)
        self.interpreter: str | None = None
        self.seq = 0
        self.at: int | None = None
        self.away = False

    def teardown(self) -> None:
        self._opened.close()

    def _heard(self, connection: str) -> list[tuple[str, int, int]]:
        return [
            (audio["language"], audio["epoch"], audio["seq"])
            for audio in self.world.pushes(connection, "audio")
        ]

    @rule(milliseconds=integers(0, 3_000))
    def time_passes(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds)

    @rule()
    def everyone_speaks(self) -> None:
        self.seq += 1
        for source in filter(None, (self.speaker, self.interpreter)):
            self.world.send_audio(source, self.seq)
        self.world.clock.advance(200)

    @rule(action=sampled_from(["pause", "pause", "resume", "mute", "unmute"]))
    def the_speaker_controls(self, action: str) -> None:
        self.world.ask(self.speaker, f"{action}Broadcast")

    @rule()
    def the_owner_moves(self) -> None:
        self.speaker = self.world.connect("alice", "speakers")
        join(self.world, self.speaker, self.session_id, "en", role="speaker")

    @rule()
    def an_interpreter_comes_or_goes(self) -> None:
        if self.interpreter is None:
            self.interpreter = self.world.interpreter(self.session_id)
        else:
            self.world.disconnect(self.interpreter)
            self.interpreter = None

    @precondition(lambda self: not self.away)
    @rule()
    def the_listener_sends_a_heartbeat(self) -> None:
        self.world.clock.advance(250)  # within the budget of heartbeats
        self.at = self.world.ask(self.listener, "heartbeat")["timestamp"]

    @precondition(lambda self: not self.away)
    @rule()
    def the_listener_is_cut_off(self) -> None:
        self.world.sender.gone.add(self.listener)
        self.missed_from = len(self._heard(self.witness))
        self.away = True

    @precondition(lambda self: self.away)
    @rule()
    def the_listener_returns(self) -> None:
        heard = self._heard(self.listener)
        connection = self.world.connect()
        language, epoch, seq = heard[-1] if heard else ("en", 1, 0)
        last: dict[str, object] = {"language": language, "epoch": epoch, "seq": seq, "at": self.at}
        reply = join(self.world, connection, self.session_id, last=last)
        if reply["recovered"]:
            assert self._heard(self.witness)[self.missed_from :] == []
        self.listener, self.away, self.at = connection, False, None


TestReturns = Returns.TestCase
