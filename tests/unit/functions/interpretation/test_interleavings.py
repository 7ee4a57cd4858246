"""Interleavings: one event occurs before each database call of another.

In any case at most one interpreter is heard, and the listener knows the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession

# More calls than any request makes.
_MAX_CALLS = 40


@dataclass
class Cast:
    """A session whose interpreter's lease has just expired, its stand-bys, and a newcomer."""

    session: InterpretedSession
    interpreter: str
    human: str
    machine: str
    newcomer: str

    @classmethod
    def assembled(cls, world: World) -> Cast:
        session = InterpretedSession(world)
        interpreter = session.interpreter("one")
        machine = session.interpreter("robot", standby=True, source="machine")
        human = session.interpreter("two", standby=True)
        session.pass_time(LEASE_MS + 1, human, machine)
        return cls(session, interpreter, human, machine, world.connect("three", "interpreters"))

    def connections(self) -> list[str]:
        return [self.interpreter, self.human, self.machine, self.newcomer]


def another_instance_gets_a_chunk(cast: Cast) -> None:
    with cast.session.world.another_instance("audio_processor"):
        cast.session.send_floor_chunk()


Event = Callable[[Cast], object]
EVENTS: dict[str, Event] = {
    "the floor speaks": lambda cast: cast.session.send_floor_chunk(),
    "another instance gets a chunk": another_instance_gets_a_chunk,
    "the sweep runs": lambda cast: cast.session.world.sweep(),
    "the interpreter wakes up": lambda cast: cast.session.world.ask(cast.interpreter, "heartbeat"),
    "the interpreter speaks": lambda cast: cast.session.send_chunk(cast.interpreter),
    "the interpreter hands over": lambda cast: cast.session.world.ask(cast.interpreter, "handOver"),
    "the interpreter disconnects": lambda cast: cast.session.world.disconnect(cast.interpreter),
    "a human takes over": lambda cast: cast.session.world.ask(cast.human, "takeOver"),
    "a machine takes over": lambda cast: cast.session.world.ask(cast.machine, "takeOver"),
    "a human leaves": lambda cast: cast.session.world.ask(cast.human, "leaveSession"),
    "a human sends a heartbeat": lambda cast: cast.session.world.ask(cast.human, "heartbeat"),
    "somebody joins": lambda cast: cast.session.join(cast.newcomer),
    "somebody joins as stand-by": lambda cast: cast.session.join(cast.newcomer, standby=True),
}


def assert_consistent(cast: Cast) -> None:
    """Check that only the stored source is heard, and that the listener was notified of it."""
    session = cast.session
    channel = session.world.session(session.session_id).channels["es"]
    assert channel.connection_id not in channel.standbys
    assert channel.connection_id in {None, *cast.connections()}

    # Pushes may overtake each other: the highest epoch is the latest, and within it the floor.
    _, last, epoch = max(
        session.source_changes(), key=lambda change: (change[2], change[1] == "floor")
    )
    assert last == (channel.source if channel.connection_id else "floor")
    assert epoch == channel.epoch

    before = len(session.received_chunks())
    session.send_floor_chunk()
    for connection in cast.connections():
        session.send_chunk(connection)
    heard = session.received_chunks()[before:]
    assert heard == ([("es", channel.epoch)] if channel.connection_id else [("en", 1)])


# Pairs that write the same fields; all pairs would take minutes.
_PAIRS = [
    ("the floor speaks", "another instance gets a chunk"),
    ("the floor speaks", "the interpreter wakes up"),
    ("the floor speaks", "a human takes over"),
    ("the floor speaks", "a human leaves"),
    ("the interpreter wakes up", "the floor speaks"),
    ("the interpreter disconnects", "the interpreter wakes up"),
    ("the interpreter disconnects", "a human leaves"),
    ("a human takes over", "a human leaves"),
    ("a human takes over", "the interpreter hands over"),
    ("a machine takes over", "a human takes over"),
    ("somebody joins as stand-by", "the interpreter disconnects"),
    ("somebody joins", "the sweep runs"),
]


@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_an_event_during_another(world: World, first: str, second: str) -> None:
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MAX_CALLS):
        cast = Cast.assembled(world)
        database.interrupt(partial(EVENTS[second], cast), after=calls)
        EVENTS[first](cast)
        if database.cancel():
            break
        # Detects an expired lease that no event has detected.
        cast.session.send_floor_chunk()
        assert_consistent(cast)
    assert 0 < calls < _MAX_CALLS - 1


@pytest.mark.parametrize("event", ["the floor speaks", "a human takes over"])
def test_a_function_dies_halfway(world: World, event: str) -> None:
    """The floor's next chunk repairs the state."""

    class DiedError(Exception):
        pass

    def die() -> None:
        raise DiedError

    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MAX_CALLS):
        cast = Cast.assembled(world)
        database.interrupt(die, after=calls)
        EVENTS[event](cast)  # the function's boundary catches the error
        if database.cancel():
            break
        cast.session.send_floor_chunk()
        assert cast.session.holder() == cast.human
        assert cast.session.send_chunk(cast.human)
        assert not cast.session.send_chunk(cast.interpreter)
    assert 0 < calls < _MAX_CALLS - 1


def test_a_lease_is_kept_if_it_is_renewed_before_the_floors_chunk_reads_it(world: World) -> None:
    """A later heartbeat may be told that it holds the language. A push and the next one say no."""
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    kept = 0
    for calls in range(_MAX_CALLS):
        cast = Cast.assembled(world)
        session, interpreter = cast.session, cast.interpreter

        database.interrupt(partial(session.heartbeat, interpreter), after=calls)
        session.send_floor_chunk()
        if database.cancel():
            break
        keeps = session.holder() == interpreter
        kept += keeps
        assert session.heartbeat(interpreter)["lease"]["holds"] == keeps
        assert session.send_chunk(interpreter) == keeps
        if not keeps:
            assert ("expired", False, None) in session.lease_pushes(interpreter)
            assert session.holder() == cast.human
    assert 0 < kept < calls


@pytest.mark.parametrize("how", ["the interpreter disconnects", "the floor speaks"])
def test_a_standby_that_joins_meanwhile_is_promoted(world: World, how: str) -> None:
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MAX_CALLS):
        session = InterpretedSession(world)
        interpreter, newcomer = session.interpreter("one"), world.connect("two", "interpreters")
        cast = Cast(session, interpreter, newcomer, newcomer, newcomer)
        if how == "the floor speaks":
            session.pass_time(LEASE_MS + 1)
        database.interrupt(partial(session.join, newcomer, standby=True), after=calls)
        EVENTS[how](cast)
        if database.cancel():
            break
        assert session.holder() == newcomer
        assert session.send_chunk(newcomer)
    assert 0 < calls < _MAX_CALLS - 1
