"""One thing happens in the middle of another, before each call that the first one makes to the
database: whatever comes of it, one interpreter is heard at most, and everybody knows whom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.helpers.clients import Message
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre

# No request makes as many calls.
_MOST_CALLS = 40


@dataclass
class Cast:
    """A session whose interpreter's lease has just run out, those who wait, and one who comes."""

    theatre: Theatre
    voice: str
    person: str
    machine: str
    newcomer: str

    @classmethod
    def assembled(cls, world: World) -> Cast:
        theatre = Theatre(world)
        voice = theatre.interpreter("one")
        machine = theatre.interpreter("robot", standby=True, source="machine")
        person = theatre.interpreter("two", standby=True)
        theatre.pass_time(LEASE_MS + 1, person, machine)
        return cls(theatre, voice, person, machine, world.connect("three", "interpreters"))

    def everybody(self) -> list[str]:
        return [self.voice, self.person, self.machine, self.newcomer]


def another_instance_takes_a_chunk(cast: Cast) -> None:
    with cast.theatre.world.another_instance("audio_processor"):
        cast.theatre.floor_speaks()


Happening = Callable[[Cast], object]
HAPPENINGS: dict[str, Happening] = {
    "the floor speaks": lambda cast: cast.theatre.floor_speaks(),
    "another instance takes a chunk": another_instance_takes_a_chunk,
    "the minute's sweep": lambda cast: cast.theatre.world.sweep(),
    "the interpreter wakes up": lambda cast: cast.theatre.world.ask(cast.voice, "heartbeat"),
    "the interpreter speaks": lambda cast: cast.theatre.speaks(cast.voice),
    "the interpreter hands over": lambda cast: cast.theatre.world.ask(cast.voice, "handOver"),
    "the interpreter disconnects": lambda cast: cast.theatre.world.disconnect(cast.voice),
    "a person takes over": lambda cast: cast.theatre.world.ask(cast.person, "takeOver"),
    "a machine takes over": lambda cast: cast.theatre.world.ask(cast.machine, "takeOver"),
    "a person leaves": lambda cast: cast.theatre.world.ask(cast.person, "leaveSession"),
    "a person is alive": lambda cast: cast.theatre.world.ask(cast.person, "heartbeat"),
    "somebody joins": lambda cast: cast.theatre.join(cast.newcomer),
    "somebody joins to wait": lambda cast: cast.theatre.join(cast.newcomer, standby=True),
}


def agree(cast: Cast) -> None:
    """Whoever is stored is heard, and nobody else; the listener was last told so."""
    theatre = cast.theatre
    channel = theatre.world.session(theatre.session_id).channels["es"]
    assert channel.connection_id not in channel.standbys
    assert channel.connection_id in {None, *cast.everybody()}

    # News may be overtaken: the last word is that of the highest epoch, and of it the floor's.
    _, last, epoch = max(theatre.changes(), key=lambda told: (told[2], told[1] == "floor"))
    assert last == (channel.source if channel.connection_id else "floor")
    assert epoch == channel.epoch

    before = len(theatre.heard())
    theatre.floor_speaks()
    for connection in cast.everybody():
        theatre.speaks(connection)
    heard = theatre.heard()[before:]
    assert heard == ([("es", channel.epoch)] if channel.connection_id else [("en", 1)])


# Those that write the same fields; all pairs would take minutes.
_PAIRS = [
    ("the floor speaks", "another instance takes a chunk"),
    ("the floor speaks", "the interpreter wakes up"),
    ("the floor speaks", "a person takes over"),
    ("the floor speaks", "a person leaves"),
    ("the interpreter wakes up", "the floor speaks"),
    ("the interpreter disconnects", "the interpreter wakes up"),
    ("the interpreter disconnects", "a person leaves"),
    ("a person takes over", "a person leaves"),
    ("a person takes over", "the interpreter hands over"),
    ("a machine takes over", "a person takes over"),
    ("somebody joins to wait", "the interpreter disconnects"),
    ("somebody joins", "the minute's sweep"),
]


@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_one_in_the_middle_of_another(world: World, first: str, second: str) -> None:
    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MOST_CALLS):
        cast = Cast.assembled(world)
        database.interrupt(partial(HAPPENINGS[second], cast), after=calls)
        HAPPENINGS[first](cast)
        if database.cancel():
            break
        # A lease that nobody has looked at yet is looked at now.
        cast.theatre.floor_speaks()
        agree(cast)
    assert 0 < calls < _MOST_CALLS - 1


@pytest.mark.parametrize("happening", ["the floor speaks", "a person takes over"])
def test_a_function_dies_in_the_middle(world: World, happening: str) -> None:
    """What it leaves behind is put right by the floor's next chunk."""

    class DiedError(Exception):
        pass

    def die() -> None:
        raise DiedError

    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MOST_CALLS):
        cast = Cast.assembled(world)
        database.interrupt(die, after=calls)
        HAPPENINGS[happening](cast)  # the boundary of a function takes anything
        if database.cancel():
            break
        cast.theatre.floor_speaks()
        assert cast.theatre.voice() == cast.person
        assert cast.theatre.speaks(cast.person)
        assert not cast.theatre.speaks(cast.voice)
    assert 0 < calls < _MOST_CALLS - 1


def beat(cast: Cast, leases: list[Message]) -> None:
    """A heartbeat of the one whose lease has run out, and what it is told."""
    leases.append(cast.theatre.beat(cast.voice)["lease"])


def test_whose_lease_is_renewed_in_time_keeps_the_language(world: World) -> None:
    """The floor's chunk has seen it run out; a heartbeat comes before that is written."""
    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    kept = 0
    for calls in range(_MOST_CALLS):
        cast, leases = Cast.assembled(world), list[Message]()

        database.interrupt(partial(beat, cast, leases), after=calls)
        cast.theatre.floor_speaks()
        if database.cancel():
            break
        assert leases[0]["holds"] == (cast.theatre.voice() == cast.voice)
        kept += leases[0]["holds"]
    assert 0 < kept < calls


@pytest.mark.parametrize("how", ["the interpreter disconnects", "the floor speaks"])
def test_who_comes_to_wait_in_that_moment_is_not_passed_over(world: World, how: str) -> None:
    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    for calls in range(_MOST_CALLS):
        theatre = Theatre(world)
        voice, newcomer = theatre.interpreter("one"), world.connect("two", "interpreters")
        cast = Cast(theatre, voice, newcomer, newcomer, newcomer)
        if how == "the floor speaks":
            theatre.pass_time(LEASE_MS + 1)
        database.interrupt(partial(theatre.join, newcomer, standby=True), after=calls)
        HAPPENINGS[how](cast)
        if database.cancel():
            break
        assert theatre.voice() == newcomer
        assert theatre.speaks(newcomer)
    assert 0 < calls < _MOST_CALLS - 1
