"""takeOver and handOver: who interprets changes by the will of interpreters."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre


@pytest.fixture
def theatre(world: World) -> Theatre:
    return Theatre(world)


class TestTakeOver:
    def test_who_waits_interprets_and_who_did_waits(self, theatre: Theatre) -> None:
        first, second = theatre.interpreter("one"), theatre.interpreter("two", standby=True)
        now = theatre.world.clock.now_ms()

        reply = theatre.world.ask(second, "takeOver", requestId="7")

        assert reply == {
            "type": "interpreterLease",
            "requestId": "7",
            "sessionId": theatre.session_id,
            "lease": {
                "language": "es",
                "holds": True,
                "epoch": 2,
                "standbys": 1,
                "leaseUntil": now + LEASE_MS,
            },
            "reason": "asked",
        }
        assert theatre.leases(first) == [("takenOver", False, None)]
        assert theatre.leases(second) == []
        assert (theatre.voice(), theatre.waiting()) == (second, {first})
        assert theatre.changes()[1:] == [("human", "human", 2)]

    def test_nothing_of_the_former_one_is_heard_from_then_on(self, theatre: Theatre) -> None:
        first, second = theatre.interpreter("one"), theatre.interpreter("two", standby=True)
        theatre.speaks(first)
        theatre.world.ask(second, "takeOver")

        assert not theatre.speaks(first)
        assert theatre.speaks(second)
        assert theatre.heard() == [("es", 1), ("es", 2)]

    def test_it_goes_to_and_fro(self, theatre: Theatre) -> None:
        both = theatre.interpreter("one"), theatre.interpreter("two", standby=True)
        for number in range(1, 5):
            theatre.world.ask(both[number % 2], "takeOver")
            theatre.pass_time(1_000, *both)

        assert (theatre.epoch(), theatre.voice(), theatre.waiting()) == (5, both[0], {both[1]})

    def test_who_interprets_already_is_answered_and_nobody_is_told(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")

        reply = theatre.world.ask(voice, "takeOver")

        assert (reply["lease"]["epoch"], reply["reason"]) == (1, "asked")
        assert theatre.changes() == [("floor", "human", 1)]

    def test_a_person_takes_over_from_a_machine(self, theatre: Theatre) -> None:
        machine = theatre.interpreter("robot", source="machine")
        person = theatre.interpreter("ines", standby=True)

        theatre.world.ask(person, "takeOver")

        assert theatre.changes()[1:] == [("machine", "human", 2)]
        assert theatre.waiting() == {machine}

    def test_a_machine_takes_over_from_a_machine_but_not_from_a_person(
        self, theatre: Theatre
    ) -> None:
        person = theatre.interpreter("ines")
        older = theatre.interpreter("robot", standby=True, source="machine")
        newer = theatre.interpreter("robot2", standby=True, source="machine")

        assert theatre.world.ask(newer, "takeOver")["code"] == "FORBIDDEN"
        theatre.world.disconnect(person)
        assert theatre.world.ask(newer, "takeOver")["type"] == "interpreterLease"

        assert (theatre.voice(), theatre.waiting()) == (newer, {older})

    def test_of_a_dead_person_the_ladder_decides_first(self, theatre: Theatre) -> None:
        theatre.interpreter("dead")
        person = theatre.interpreter("ines", standby=True)
        machine = theatre.interpreter("robot", standby=True, source="machine")
        theatre.pass_time(LEASE_MS + 1, person, machine)

        refused = theatre.world.ask(machine, "takeOver")

        assert refused["code"] == "FORBIDDEN"
        assert theatre.voice() == person

    def test_a_machine_that_waits_for_a_dead_person_gets_it(self, theatre: Theatre) -> None:
        theatre.interpreter("dead")
        machine = theatre.interpreter("robot", standby=True, source="machine")
        theatre.pass_time(LEASE_MS + 1, machine)

        reply = theatre.world.ask(machine, "takeOver")

        assert (reply["lease"]["holds"], theatre.voice()) == (True, machine)

    def test_who_has_lost_their_place_may_take_over_too(self, theatre: Theatre) -> None:
        lost = theatre.interpreter("lost")
        theatre.world.clock.advance(LEASE_MS + 1)
        theatre.floor_speaks()
        present = theatre.interpreter("present")

        reply = theatre.world.ask(lost, "takeOver")

        assert (reply["lease"]["epoch"], theatre.voice(), theatre.waiting()) == (3, lost, {present})

    @pytest.mark.parametrize("action", ["takeOver", "handOver"])
    def test_others_may_not(self, theatre: Theatre, action: str) -> None:
        theatre.interpreter("one")
        world = theatre.world

        assert world.ask(theatre.listener, action)["code"] == "FORBIDDEN"
        assert world.ask(theatre.speaker, action)["code"] == "FORBIDDEN"
        assert world.ask(world.connect(), action)["code"] == "NOT_IN_SESSION"
        world.ask(theatre.speaker, "endSession")
        assert world.ask(theatre.listener, action)["code"] == "SESSION_ENDED"


class TestHandOver:
    def test_the_next_one_interprets_and_who_did_waits_behind_the_others(
        self, theatre: Theatre
    ) -> None:
        first = theatre.interpreter("one")
        second, third = (theatre.interpreter(user, standby=True) for user in ("two", "three"))
        theatre.pass_time(1_000, first, second, third)

        reply = theatre.world.ask(first, "handOver")

        assert (reply["reason"], reply["lease"]["holds"], reply["lease"]["standbys"]) == (
            "handedOver",
            False,
            1,
        )
        assert theatre.leases(first) == []
        assert theatre.leases(second) == [("promoted", True, 2)]
        assert theatre.changes()[1:] == [("human", "human", 2)]
        theatre.world.ask(second, "handOver")
        assert theatre.voice() == third
        theatre.world.ask(third, "handOver")
        assert theatre.voice() == first

    def test_no_overlap(self, theatre: Theatre) -> None:
        first, second = theatre.interpreter("one"), theatre.interpreter("two", standby=True)
        theatre.world.ask(first, "handOver")

        assert not theatre.speaks(first)
        assert theatre.speaks(second)
        assert theatre.heard() == [("es", 2)]

    def test_to_a_machine(self, theatre: Theatre) -> None:
        person = theatre.interpreter("ines")
        theatre.interpreter("robot", standby=True, source="machine")

        theatre.world.ask(person, "handOver")

        assert theatre.changes()[1:] == [("human", "machine", 2)]

    @pytest.mark.parametrize("dead", [False, True])
    def test_to_nobody_is_refused(self, theatre: Theatre, dead: bool) -> None:
        voice = theatre.interpreter("one")
        if dead:
            theatre.interpreter("dead", standby=True)
            theatre.pass_time(LEASE_MS + 1, voice)

        refused = theatre.world.ask(voice, "handOver")

        assert (refused["code"], refused["status"], refused["retryable"]) == (
            "NO_STANDBY",
            409,
            False,
        )
        assert theatre.voice() == voice
        assert theatre.speaks(voice)

    def test_only_who_interprets_hands_over(self, theatre: Theatre) -> None:
        theatre.interpreter("one")
        waiting = theatre.interpreter("two", standby=True)

        assert theatre.world.ask(waiting, "handOver")["code"] == "FORBIDDEN"

    def test_whom_it_is_handed_to_and_who_is_gone_is_passed_over(self, theatre: Theatre) -> None:
        first = theatre.interpreter("one")
        gone = theatre.interpreter("gone", standby=True)
        last = theatre.interpreter("last", standby=True)
        theatre.world.sender.gone.add(gone)

        theatre.world.ask(first, "handOver")

        assert (theatre.voice(), theatre.waiting()) == (last, {first})
