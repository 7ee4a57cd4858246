"""A heartbeat concurrent with leaving or disconnecting does not restore the lease."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession

# More calls than any request makes.
_MAX_CALLS = 40

Event = Callable[[World, str], object]
DEPARTURES: dict[str, Event] = {
    "leaves": lambda world, connection: world.ask(connection, "leaveSession"),
    "disconnects": lambda world, connection: world.disconnect(connection),
}


def heartbeat(world: World, connection: str) -> None:
    world.ask(connection, "heartbeat")


@pytest.mark.parametrize("late", [False, True], ids=["with a live lease", "with an expired lease"])
@pytest.mark.parametrize("standby", [False, True], ids=["interpreter", "stand-by"])
@pytest.mark.parametrize("departure", DEPARTURES)
@pytest.mark.parametrize("heartbeat_first", [False, True])
def test_a_heartbeat_during_a_departure(
    world: World, departure: str, heartbeat_first: bool, standby: bool, late: bool
) -> None:
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    depart = DEPARTURES[departure]
    first, second = (heartbeat, depart) if heartbeat_first else (depart, heartbeat)
    for calls in range(_MAX_CALLS):
        session = InterpretedSession(world)
        other = session.interpreter("other") if standby else None
        leaver = session.interpreter("leaver", standby=standby)
        if late:
            session.pass_time(LEASE_MS + 1, *filter(None, [other]))
        database.interrupt(lambda leaver=leaver: second(world, leaver), after=calls)  # type: ignore[misc]
        first(world, leaver)
        if database.cancel():
            break

        assert session.holder() == other
        assert leaver not in session.standbys()
        assert not session.send_chunk(leaver)
        if other is None:
            assert session.source_changes()[-1][1] == "floor"
            assert session.join(world.connect("next", "interpreters"))["lease"]["holds"]
    assert 0 < calls < _MAX_CALLS - 1
