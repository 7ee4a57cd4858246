"""Rollover of interpreters and stand-bys to a new connection."""

from __future__ import annotations

import pytest

from tests.helpers.clients import Message
from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession


class Rolling:
    """A session with an interpreter and two stand-bys, and resume tokens of the first two."""

    def __init__(self, world: World) -> None:
        self.session = InterpretedSession(world)
        self.interpreter, self.interpreter_token = self._join("one")
        self.standby, self.standby_token = self._join("two")
        self.last, _ = self._join("three")

    def _join(self, user: str) -> tuple[str, str]:
        connection = self.session.world.connect(user, "interpreters")
        self.session.pass_time(10)
        return connection, self.session.join(connection, standby=True)["resumeToken"]

    def roll_over(self, user: str, token: str) -> tuple[str, Message]:
        connection = self.session.world.connect(user, "interpreters")
        return connection, self.session.join(connection, standby=True, resumeToken=token)


@pytest.fixture
def rolling(world: World) -> Rolling:
    return Rolling(world)


def test_a_standby_keeps_its_rank(rolling: Rolling) -> None:
    session = rolling.session

    moved, reply = rolling.roll_over("two", rolling.standby_token)

    assert (reply["resumed"], reply["lease"]["holds"], "epoch" in reply) == (True, False, False)
    assert session.standbys() == {moved, rolling.last}
    session.world.disconnect(rolling.standby)
    assert session.standbys() == {moved, rolling.last}
    session.world.disconnect(rolling.interpreter)
    assert session.holder() == moved


def test_an_interpreter_keeps_the_language_without_notifications(rolling: Rolling) -> None:
    session = rolling.session

    moved, reply = rolling.roll_over("one", rolling.interpreter_token)

    assert (reply["resumed"], reply["epoch"], reply["lease"]["standbys"]) == (True, 2, 2)
    assert session.source_changes() == [("floor", "human", 1)]
    assert session.lease_pushes(rolling.standby) == []
    assert session.send_chunk(rolling.interpreter)
    assert session.send_chunk(moved)
    session.pass_time(2_001, moved)
    assert not session.send_chunk(rolling.interpreter)
    assert (session.holder(), session.standbys()) == (moved, {rolling.standby, rolling.last})


@pytest.mark.parametrize("who", ["one", "two"])
def test_heartbeats_of_the_former_connection_are_refused(rolling: Rolling, who: str) -> None:
    session = rolling.session
    old, token = {
        "one": (rolling.interpreter, rolling.interpreter_token),
        "two": (rolling.standby, rolling.standby_token),
    }[who]
    session.heartbeat(old)
    rolling.roll_over(who, token)
    holder, standbys = session.holder(), session.standbys()

    assert session.world.ask(old, "heartbeat")["code"] == "CONNECTION_NOT_FOUND"

    assert (session.holder(), session.standbys()) == (holder, standbys)
    assert len(standbys) == 2


def test_the_new_connection_keeps_the_lease(rolling: Rolling) -> None:
    session = rolling.session
    moved, _ = rolling.roll_over("one", rolling.interpreter_token)

    session.pass_time(2 * LEASE_MS, moved)
    session.send_floor_chunk()

    assert session.holder() == moved


def test_a_takeover_displaces_both_connections(rolling: Rolling) -> None:
    session = rolling.session
    moved, _ = rolling.roll_over("one", rolling.interpreter_token)

    session.world.ask(rolling.standby, "takeOver")

    assert not session.send_chunk(rolling.interpreter)
    assert not session.send_chunk(moved)
    assert session.send_chunk(rolling.standby)


def test_a_machine_stays_a_machine(world: World) -> None:
    session = InterpretedSession(world)
    first = world.connect("robot", "interpreters")
    token = session.join(first, source="machine")["resumeToken"]
    second = world.connect("robot", "interpreters")
    session.join(second, resumeToken=token)
    world.disconnect(first)
    world.clock.advance(LEASE_MS + 1)
    session.send_floor_chunk()

    session.heartbeat(second)

    assert session.source_changes()[-1] == ("floor", "machine", 3)


def test_after_expiry_the_join_is_not_a_rollover(rolling: Rolling) -> None:
    session = rolling.session
    session.pass_time(LEASE_MS + 1, rolling.standby, rolling.last)
    session.send_floor_chunk()
    assert session.holder() == rolling.standby

    back, reply = rolling.roll_over("one", rolling.interpreter_token)

    assert (reply["resumed"], reply["lease"]["holds"]) == (False, False)
    assert session.standbys() == {back, rolling.last}
