"""takeOver and handOver."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession


@pytest.fixture
def session(world: World) -> InterpretedSession:
    return InterpretedSession(world)


class TestTakeOver:
    def test_a_standby_takes_over_and_the_interpreter_becomes_a_standby(
        self, session: InterpretedSession
    ) -> None:
        first, second = session.interpreter("one"), session.interpreter("two", standby=True)
        now = session.world.clock.now_ms()

        reply = session.world.ask(second, "takeOver", requestId="7")

        assert reply == {
            "type": "interpreterLease",
            "requestId": "7",
            "sessionId": session.session_id,
            "lease": {
                "language": "es",
                "holds": True,
                "epoch": 2,
                "standbys": 1,
                "leaseUntil": now + LEASE_MS,
            },
            "reason": "asked",
        }
        assert session.lease_pushes(first) == [("takenOver", False, None)]
        assert session.lease_pushes(second) == []
        assert (session.holder(), session.standbys()) == (second, {first})
        assert session.source_changes()[1:] == [("human", "human", 2)]

    def test_chunks_of_the_former_interpreter_are_refused(
        self, session: InterpretedSession
    ) -> None:
        first, second = session.interpreter("one"), session.interpreter("two", standby=True)
        session.send_chunk(first)
        session.world.ask(second, "takeOver")

        assert not session.send_chunk(first)
        assert session.send_chunk(second)
        assert session.received_chunks() == [("es", 1), ("es", 2)]

    def test_repeated_takeovers(self, session: InterpretedSession) -> None:
        both = session.interpreter("one"), session.interpreter("two", standby=True)
        for number in range(1, 5):
            session.world.ask(both[number % 2], "takeOver")
            session.pass_time(1_000, *both)

        assert (session.epoch(), session.holder(), session.standbys()) == (5, both[0], {both[1]})

    def test_the_interpreter_gets_only_a_reply(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")

        reply = session.world.ask(interpreter, "takeOver")

        assert (reply["lease"]["epoch"], reply["reason"]) == (1, "asked")
        assert session.source_changes() == [("floor", "human", 1)]

    def test_a_human_takes_over_from_a_machine(self, session: InterpretedSession) -> None:
        machine = session.interpreter("robot", source="machine")
        human = session.interpreter("ines", standby=True)

        session.world.ask(human, "takeOver")

        assert session.source_changes()[1:] == [("machine", "human", 2)]
        assert session.standbys() == {machine}

    def test_a_machine_takes_over_from_a_machine_but_not_from_a_human(
        self, session: InterpretedSession
    ) -> None:
        human = session.interpreter("ines")
        older = session.interpreter("robot", standby=True, source="machine")
        newer = session.interpreter("robot2", standby=True, source="machine")

        assert session.world.ask(newer, "takeOver")["code"] == "FORBIDDEN"
        session.world.disconnect(human)
        assert session.world.ask(newer, "takeOver")["type"] == "interpreterLease"

        assert (session.holder(), session.standbys()) == (newer, {older})

    def test_an_expired_lease_is_passed_on_before_a_takeover(
        self, session: InterpretedSession
    ) -> None:
        session.interpreter("dead")
        human = session.interpreter("ines", standby=True)
        machine = session.interpreter("robot", standby=True, source="machine")
        session.pass_time(LEASE_MS + 1, human, machine)

        refused = session.world.ask(machine, "takeOver")

        assert refused["code"] == "FORBIDDEN"
        assert session.holder() == human

    def test_a_machine_takes_over_an_expired_lease(self, session: InterpretedSession) -> None:
        session.interpreter("dead")
        machine = session.interpreter("robot", standby=True, source="machine")
        session.pass_time(LEASE_MS + 1, machine)

        reply = session.world.ask(machine, "takeOver")

        assert (reply["lease"]["holds"], session.holder()) == (True, machine)

    def test_an_interpreter_whose_lease_expired_may_take_over(
        self, session: InterpretedSession
    ) -> None:
        lost = session.interpreter("lost")
        session.world.clock.advance(LEASE_MS + 1)
        session.send_floor_chunk()
        present = session.interpreter("present")

        reply = session.world.ask(lost, "takeOver")

        assert (reply["lease"]["epoch"], session.holder(), session.standbys()) == (
            3,
            lost,
            {present},
        )

    @pytest.mark.parametrize("action", ["takeOver", "handOver"])
    def test_other_roles_are_refused(self, session: InterpretedSession, action: str) -> None:
        session.interpreter("one")
        world = session.world

        assert world.ask(session.listener, action)["code"] == "FORBIDDEN"
        assert world.ask(session.speaker, action)["code"] == "FORBIDDEN"
        assert world.ask(world.connect(), action)["code"] == "NOT_IN_SESSION"
        world.ask(session.speaker, "endSession")
        assert world.ask(session.listener, action)["code"] == "SESSION_ENDED"


class TestHandOver:
    def test_the_next_standby_interprets_and_the_interpreter_goes_last(
        self, session: InterpretedSession
    ) -> None:
        first = session.interpreter("one")
        second, third = (session.interpreter(user, standby=True) for user in ("two", "three"))
        session.pass_time(1_000, first, second, third)

        reply = session.world.ask(first, "handOver")

        assert (reply["reason"], reply["lease"]["holds"], reply["lease"]["standbys"]) == (
            "handedOver",
            False,
            1,
        )
        assert session.lease_pushes(first) == []
        assert session.lease_pushes(second) == [("promoted", True, 2)]
        assert session.source_changes()[1:] == [("human", "human", 2)]
        session.world.ask(second, "handOver")
        assert session.holder() == third
        session.world.ask(third, "handOver")
        assert session.holder() == first

    def test_the_former_interpreter_is_cut_off_at_once(self, session: InterpretedSession) -> None:
        first, second = session.interpreter("one"), session.interpreter("two", standby=True)
        session.world.ask(first, "handOver")

        assert not session.send_chunk(first)
        assert session.send_chunk(second)
        assert session.received_chunks() == [("es", 2)]

    def test_hands_over_to_a_machine(self, session: InterpretedSession) -> None:
        human = session.interpreter("ines")
        session.interpreter("robot", standby=True, source="machine")

        session.world.ask(human, "handOver")

        assert session.source_changes()[1:] == [("human", "machine", 2)]

    @pytest.mark.parametrize("dead", [False, True])
    def test_refused_without_a_live_standby(self, session: InterpretedSession, dead: bool) -> None:
        interpreter = session.interpreter("one")
        if dead:
            session.interpreter("dead", standby=True)
            session.pass_time(LEASE_MS + 1, interpreter)

        refused = session.world.ask(interpreter, "handOver")

        assert (refused["code"], refused["status"], refused["retryable"]) == (
            "NO_STANDBY",
            409,
            False,
        )
        assert session.holder() == interpreter
        assert session.send_chunk(interpreter)

    def test_a_standby_cannot_hand_over(self, session: InterpretedSession) -> None:
        session.interpreter("one")
        standby = session.interpreter("two", standby=True)

        assert session.world.ask(standby, "handOver")["code"] == "FORBIDDEN"

    def test_a_gone_standby_is_skipped(self, session: InterpretedSession) -> None:
        first = session.interpreter("one")
        gone = session.interpreter("gone", standby=True)
        last = session.interpreter("last", standby=True)
        session.world.sender.gone.add(gone)

        session.world.ask(first, "handOver")

        assert (session.holder(), session.standbys()) == (last, {first})
