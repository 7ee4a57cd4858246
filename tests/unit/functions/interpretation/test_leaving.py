"""Who has left, or is gone, interprets no more, whatever they were just saying."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre

# No request makes as many calls.
_MOST_CALLS = 40

Doing = Callable[[World, str], object]
FAREWELLS: dict[str, Doing] = {
    "leaves": lambda world, who: world.ask(who, "leaveSession"),
    "disconnects": lambda world, who: world.disconnect(who),
}


def heartbeat(world: World, who: str) -> None:
    world.ask(who, "heartbeat")


@pytest.mark.parametrize("late", [False, True], ids=["alive", "with a lease that has run out"])
@pytest.mark.parametrize("waits", [False, True], ids=["interprets", "waits"])
@pytest.mark.parametrize("farewell", FAREWELLS)
@pytest.mark.parametrize("heartbeat_first", [False, True])
def test_a_heartbeat_beside_the_farewell(
    world: World, farewell: str, heartbeat_first: bool, waits: bool, late: bool
) -> None:
    database = Interleaved(dynamodb())
    world.use_dynamodb(database)
    goes = FAREWELLS[farewell]
    first, second = (heartbeat, goes) if heartbeat_first else (goes, heartbeat)
    for calls in range(_MOST_CALLS):
        theatre = Theatre(world)
        other = theatre.interpreter("other") if waits else None
        leaver = theatre.interpreter("leaver", standby=waits)
        if late:
            theatre.pass_time(LEASE_MS + 1, *filter(None, [other]))
        database.interrupt(lambda who=leaver: second(world, who), after=calls)  # type: ignore[misc]
        first(world, leaver)
        if database.cancel():
            break

        assert theatre.voice() == other
        assert leaver not in theatre.waiting()
        assert not theatre.speaks(leaver)
        if other is None:
            assert theatre.changes()[-1][1] == "floor"
            assert theatre.join(world.connect("next", "interpreters"))["lease"]["holds"]
    assert 0 < calls < _MOST_CALLS - 1
