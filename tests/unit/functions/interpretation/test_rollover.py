"""Rolling over: whoever interprets, or waits, keeps what they have on a new connection."""

from __future__ import annotations

import pytest

from tests.helpers.clients import Message
from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre


class Rolling:
    """An interpreter who holds Spanish, and one who waits; either can roll over."""

    def __init__(self, world: World) -> None:
        self.theatre = Theatre(world)
        self.voice, self.voice_token = self._sit("one")
        self.waits, self.waits_token = self._sit("two")
        self.last, _ = self._sit("three")

    def _sit(self, user: str) -> tuple[str, str]:
        connection = self.theatre.world.connect(user, "interpreters")
        self.theatre.pass_time(10)
        return connection, self.theatre.join(connection, standby=True)["resumeToken"]

    def over(self, user: str, token: str) -> tuple[str, Message]:
        connection = self.theatre.world.connect(user, "interpreters")
        return connection, self.theatre.join(connection, standby=True, resumeToken=token)


@pytest.fixture
def rolling(world: World) -> Rolling:
    return Rolling(world)


def test_who_waits_keeps_the_place_in_the_line(rolling: Rolling) -> None:
    theatre = rolling.theatre

    moved, reply = rolling.over("two", rolling.waits_token)

    assert (reply["resumed"], reply["lease"]["holds"], "epoch" in reply) == (True, False, False)
    assert theatre.waiting() == {moved, rolling.last}
    theatre.world.disconnect(rolling.waits)
    assert theatre.waiting() == {moved, rolling.last}
    theatre.world.disconnect(rolling.voice)
    assert theatre.voice() == moved


def test_who_interprets_leaves_the_line_as_it_is_and_nobody_is_told(rolling: Rolling) -> None:
    theatre = rolling.theatre

    moved, reply = rolling.over("one", rolling.voice_token)

    assert (reply["resumed"], reply["epoch"], reply["lease"]["standbys"]) == (True, 2, 2)
    assert theatre.changes() == [("floor", "human", 1)]
    assert theatre.leases(rolling.waits) == []
    assert theatre.speaks(rolling.voice)
    assert theatre.speaks(moved)
    theatre.pass_time(2_001, moved)
    assert not theatre.speaks(rolling.voice)
    assert (theatre.voice(), theatre.waiting()) == (moved, {rolling.waits, rolling.last})


@pytest.mark.parametrize("who", ["one", "two"])
def test_heartbeats_of_the_former_connection_take_no_place(rolling: Rolling, who: str) -> None:
    theatre = rolling.theatre
    old, token = {
        "one": (rolling.voice, rolling.voice_token),
        "two": (rolling.waits, rolling.waits_token),
    }[who]
    theatre.beat(old)
    rolling.over(who, token)
    voice, waiting = theatre.voice(), theatre.waiting()

    assert theatre.world.ask(old, "heartbeat")["code"] == "CONNECTION_NOT_FOUND"

    assert (theatre.voice(), theatre.waiting()) == (voice, waiting)
    assert len(waiting) == 2


def test_the_new_connection_keeps_the_lease(rolling: Rolling) -> None:
    theatre = rolling.theatre
    moved, _ = rolling.over("one", rolling.voice_token)

    theatre.pass_time(2 * LEASE_MS, moved)
    theatre.floor_speaks()

    assert theatre.voice() == moved


def test_who_takes_over_displaces_both_connections(rolling: Rolling) -> None:
    theatre = rolling.theatre
    moved, _ = rolling.over("one", rolling.voice_token)

    theatre.world.ask(rolling.waits, "takeOver")

    assert not theatre.speaks(rolling.voice)
    assert not theatre.speaks(moved)
    assert theatre.speaks(rolling.waits)


def test_a_machine_is_still_one(world: World) -> None:
    theatre = Theatre(world)
    first = world.connect("robot", "interpreters")
    token = theatre.join(first, source="machine")["resumeToken"]
    second = world.connect("robot", "interpreters")
    theatre.join(second, resumeToken=token)
    world.disconnect(first)
    world.clock.advance(LEASE_MS + 1)
    theatre.floor_speaks()

    theatre.beat(second)

    assert theatre.changes()[-1] == ("floor", "machine", 3)


def test_who_has_lost_the_place_joins_like_anybody_else(rolling: Rolling) -> None:
    theatre = rolling.theatre
    theatre.pass_time(LEASE_MS + 1, rolling.waits, rolling.last)
    theatre.floor_speaks()
    assert theatre.voice() == rolling.waits

    back, reply = rolling.over("one", rolling.voice_token)

    assert (reply["resumed"], reply["lease"]["holds"]) == (False, False)
    assert theatre.waiting() == {back, rolling.last}
