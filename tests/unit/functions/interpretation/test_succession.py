"""Succession of interpreters: stand-bys, machines and the floor."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession


@pytest.fixture
def session(world: World) -> InterpretedSession:
    return InterpretedSession(world)


class TestSuccession:
    def test_humans_precede_machines_and_the_floor_comes_last(
        self, session: InterpretedSession
    ) -> None:
        first = session.interpreter("one")
        machine = session.interpreter("two", standby=True, source="machine")
        human = session.interpreter("three", standby=True)
        steps = []
        for lost in (first, human, machine):
            session.world.disconnect(lost)
            steps.append(session.holder())

        assert steps == [human, machine, None]
        assert session.source_changes() == [
            ("floor", "human", 1),
            ("human", "human", 2),
            ("human", "machine", 3),
            ("machine", "floor", 3),
        ]
        assert session.lease_pushes(human) == [("promoted", True, 2)]
        assert session.lease_pushes(machine) == [("promoted", True, 3)]
        assert session.world.telemetry.counts["InterpreterPromoted"] == 2

    def test_the_longest_waiting_standby_is_next(self, session: InterpretedSession) -> None:
        first = session.interpreter("one")
        standbys: list[str] = []
        for user in ("two", "three", "four"):
            session.pass_time(500, first, *standbys)
            standbys.append(session.interpreter(user, standby=True))

        session.world.ask(first, "leaveSession")

        assert (session.holder(), session.standbys()) == (standbys[0], set(standbys[1:]))

    @pytest.mark.parametrize("how", ["expires", "leaves", "disconnects", "is gone"])
    def test_every_way_of_losing_the_interpreter(
        self, session: InterpretedSession, how: str
    ) -> None:
        world = session.world
        first, second = session.interpreter("one"), session.interpreter("two", standby=True)
        if how == "expires":
            session.pass_time(LEASE_MS + 1, second)
        elif how == "leaves":
            world.ask(first, "leaveSession")
        elif how == "disconnects":
            world.disconnect(first)
        else:
            world.sender.gone.add(first)

        session.send_floor_chunk()

        assert (session.holder(), session.epoch(), session.standbys()) == (second, 2, set())
        assert session.source_changes()[1:] == [("human", "human", 2)]
        session.send_chunk(first)
        session.send_chunk(second)
        assert session.received_chunks() == [("es", 2)]

    def test_the_chunk_that_detects_the_expiry_is_not_sent_if_a_standby_succeeds(
        self, session: InterpretedSession
    ) -> None:
        session.interpreter("one")
        second = session.interpreter("two", standby=True)
        session.pass_time(LEASE_MS + 1, second)

        session.send_floor_chunk()

        assert session.received_chunks() == []

    def test_expired_standbys_are_skipped_and_removed(self, session: InterpretedSession) -> None:
        first = session.interpreter("one")
        session.interpreter("dead", standby=True)
        session.pass_time(1_000, first)
        alive = session.interpreter("alive", standby=True)
        session.pass_time(LEASE_MS - 500, first, alive)

        session.world.disconnect(first)

        assert (session.holder(), session.standbys()) == (alive, set())

    def test_the_floor_follows_if_all_standbys_have_expired(
        self, session: InterpretedSession
    ) -> None:
        first = session.interpreter("one")
        session.interpreter("dead", standby=True)
        session.pass_time(LEASE_MS + 1, first)

        session.world.disconnect(first)

        assert (session.holder(), session.standbys()) == (None, set())
        assert session.source_changes()[-1] == ("human", "floor", 1)

    def test_a_gone_successor_is_skipped_at_once(self, session: InterpretedSession) -> None:
        first = session.interpreter("one")
        gone = session.interpreter("gone", standby=True)
        last = session.interpreter("last", standby=True)
        session.world.sender.gone.add(gone)

        session.world.disconnect(first)

        assert session.holder() == last
        assert session.lease_pushes(last) == [("promoted", True, 3)]

    def test_a_leaving_standby_changes_nothing_else(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        leaves = session.interpreter("two", standby=True)
        drops = session.interpreter("three", standby=True)

        session.world.ask(leaves, "leaveSession")
        session.world.disconnect(drops)

        assert (session.holder(), session.standbys()) == (interpreter, set())
        assert session.source_changes() == [("floor", "human", 1)]

    def test_the_number_of_standbys_is_limited(self, session: InterpretedSession) -> None:
        session.interpreter("one")
        for number in range(8):
            session.interpreter(f"user{number}", standby=True)
        connection = session.world.connect("more", "interpreters")

        refused = session.join(connection, standby=True)

        assert (refused["code"], refused["status"]) == ("LANGUAGE_TAKEN", 409)
        assert "8 stand-bys" in refused["message"]
        assert session.world.ask(connection, "leaveSession")["code"] == "NOT_IN_SESSION"

    def test_expired_standbys_do_not_count(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        for number in range(8):
            session.interpreter(f"user{number}", standby=True)
        session.pass_time(LEASE_MS + 1, interpreter)

        newcomer = session.interpreter("more", standby=True)

        assert session.standbys() == {newcomer}

    def test_interpreter_and_standbys_hear_the_floor(self, session: InterpretedSession) -> None:
        both = session.interpreter("one"), session.interpreter("two", standby=True)

        session.send_floor_chunk()

        for connection in both:
            (audio,) = session.world.pushes(connection, "audio")
            assert audio["language"] == "en"
