"""A language is its interpreter's for as long as signs of life come; then it is the next one's."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre


@pytest.fixture
def theatre(world: World) -> Theatre:
    return Theatre(world)


class TestLease:
    def test_joining_tells_what_one_has(self, theatre: Theatre) -> None:
        world = theatre.world
        first, second = (world.connect(user, "interpreters") for user in ("ines", "ivan"))
        until = world.clock.now_ms() + LEASE_MS

        held, waited = theatre.join(first), theatre.join(second, standby=True)

        assert (held["epoch"], held["lease"]) == (
            1,
            {"language": "es", "holds": True, "epoch": 1, "standbys": 0, "leaseUntil": until},
        )
        assert "epoch" not in waited
        assert waited["lease"] == {
            "language": "es",
            "holds": False,
            "standbys": 0,
            "leaseUntil": until,
        }
        assert theatre.changes() == [("floor", "human", 1)]

    def test_heartbeats_keep_both_the_language_and_the_place(self, theatre: Theatre) -> None:
        voice, other = theatre.interpreter(), theatre.interpreter("ivan", standby=True)

        theatre.pass_time(10_000, voice, other)
        theatre.floor_speaks()

        assert (theatre.voice(), theatre.waiting()) == (voice, {other})
        assert theatre.heard() == []
        now = theatre.world.clock.now_ms()
        assert theatre.beat(voice)["lease"] == {
            "language": "es",
            "holds": True,
            "epoch": 1,
            "standbys": 1,
            "leaseUntil": now + LEASE_MS,
        }
        assert theatre.beat(other)["lease"] == {
            "language": "es",
            "holds": False,
            "standbys": 0,
            "leaseUntil": now + LEASE_MS,
        }

    def test_others_have_no_lease_in_their_acknowledgement(self, theatre: Theatre) -> None:
        assert "lease" not in theatre.beat(theatre.speaker)
        assert "lease" not in theatre.beat(theatre.listener)

    def test_audio_keeps_it_too_without_heartbeats(self, theatre: Theatre) -> None:
        voice = theatre.interpreter()

        for _ in range(20):
            theatre.world.clock.advance(1_000)
            assert theatre.speaks(voice)
            theatre.floor_speaks()

        assert theatre.voice() == voice
        assert theatre.heard() == [("es", 1)] * 20

    def test_any_instance_of_the_service_takes_heartbeats(self, theatre: Theatre) -> None:
        voice = theatre.interpreter()
        for _ in range(4):
            theatre.pass_time(1_000, voice)
            with theatre.world.another_instance("control"):
                theatre.pass_time(1_000, voice)
        theatre.floor_speaks()

        assert theatre.voice() == voice

    def test_heartbeats_keep_the_connection_open_as_well(self, theatre: Theatre) -> None:
        voice = theatre.interpreter()

        theatre.pass_time(130_000, voice)
        theatre.world.sweep()

        assert voice not in theatre.world.sender.deleted
        assert theatre.voice() == voice

    def test_silence_alone_loses_nothing(self, theatre: Theatre) -> None:
        voice = theatre.interpreter()
        for _ in range(60):
            theatre.pass_time(1_000, voice)
            theatre.floor_speaks()

        assert theatre.voice() == voice


class TestExpiry:
    def test_the_floors_next_chunk_goes_to_whom_nobody_interprets_for(
        self, theatre: Theatre
    ) -> None:
        voice = theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS)
        theatre.floor_speaks()
        assert theatre.heard() == []

        theatre.world.clock.advance(1)
        theatre.floor_speaks()

        assert theatre.heard() == [("en", 1)]
        assert theatre.changes() == [("floor", "human", 1), ("human", "floor", 1)]
        assert theatre.leases(voice) == [("expired", False, None)]
        assert theatre.voice() is None
        assert theatre.world.telemetry.counts["InterpreterLeaseExpired"] == 1

    def test_it_is_told_once(self, theatre: Theatre) -> None:
        theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS + 1)

        for _ in range(5):
            theatre.floor_speaks()

        assert theatre.changes()[1:] == [("human", "floor", 1)]
        assert theatre.heard() == [("en", 1)] * 5

    def test_who_wakes_up_is_refused_and_has_the_language_again_by_a_heartbeat(
        self, theatre: Theatre
    ) -> None:
        voice = theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS + 1)
        theatre.floor_speaks()

        assert not theatre.speaks(voice)
        lease = theatre.beat(voice)["lease"]

        assert (lease["holds"], lease["epoch"]) == (True, 2)
        assert theatre.speaks(voice)
        assert theatre.heard() == [("en", 1), ("es", 2)]
        assert theatre.changes()[-1] == ("floor", "human", 2)

    def test_who_wakes_up_after_somebody_came_waits_behind_them(self, theatre: Theatre) -> None:
        stalled = theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS + 1)
        theatre.floor_speaks()
        successor = theatre.interpreter("ivan")

        assert not theatre.speaks(stalled)
        lease = theatre.beat(stalled)["lease"]

        assert (lease["holds"], theatre.voice(), theatre.waiting()) == (False, successor, {stalled})
        assert not theatre.speaks(stalled)

    def test_the_minutes_sweep_sees_it_where_the_floor_is_silent(self, theatre: Theatre) -> None:
        theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS + 1)

        theatre.world.sweep()

        assert theatre.voice() is None
        assert theatre.changes()[-1] == ("human", "floor", 1)

    def test_joining_sees_it(self, theatre: Theatre) -> None:
        theatre.interpreter()
        theatre.world.clock.advance(LEASE_MS + 1)

        newcomer = theatre.interpreter("ivan")

        assert (theatre.voice(), theatre.epoch()) == (newcomer, 2)

    def test_who_waits_comes_before_who_joins(self, theatre: Theatre) -> None:
        theatre.interpreter()
        waiting = theatre.interpreter("ivan", standby=True)
        theatre.pass_time(LEASE_MS + 1, waiting)

        refused = theatre.join(theatre.world.connect("ira", "interpreters"))

        assert refused["code"] == "LANGUAGE_TAKEN"
        assert theatre.voice() == waiting

    def test_interpreters_of_other_languages_are_left_alone(self, theatre: Theatre) -> None:
        theatre.interpreter()
        french = theatre.world.interpreter(theatre.session_id, "fr", "ivan")
        theatre.pass_time(LEASE_MS + 1, french)

        theatre.floor_speaks()

        assert theatre.world.session(theatre.session_id).interpreted() == {"fr": "human"}

    def test_a_pause_costs_nobody_their_language_who_is_alive(self, theatre: Theatre) -> None:
        voice = theatre.interpreter()
        theatre.world.ask(theatre.speaker, "pauseBroadcast")
        theatre.pass_time(60_000, voice)
        theatre.world.ask(theatre.speaker, "resumeBroadcast")

        theatre.floor_speaks()

        assert theatre.voice() == voice


class TestLadder:
    def test_people_come_before_machines_and_the_floor_comes_last(self, theatre: Theatre) -> None:
        first = theatre.interpreter("one")
        machine = theatre.interpreter("two", standby=True, source="machine")
        human = theatre.interpreter("three", standby=True)
        steps = []
        for lost in (first, human, machine):
            theatre.world.disconnect(lost)
            steps.append(theatre.voice())

        assert steps == [human, machine, None]
        assert theatre.changes() == [
            ("floor", "human", 1),
            ("human", "human", 2),
            ("human", "machine", 3),
            ("machine", "floor", 3),
        ]
        assert theatre.leases(human) == [("promoted", True, 2)]
        assert theatre.leases(machine) == [("promoted", True, 3)]
        assert theatre.world.telemetry.counts["InterpreterPromoted"] == 2

    def test_who_has_waited_longest_is_next(self, theatre: Theatre) -> None:
        first = theatre.interpreter("one")
        waiting: list[str] = []
        for user in ("two", "three", "four"):
            theatre.pass_time(500, first, *waiting)
            waiting.append(theatre.interpreter(user, standby=True))

        theatre.world.ask(first, "leaveSession")

        assert (theatre.voice(), theatre.waiting()) == (waiting[0], set(waiting[1:]))

    @pytest.mark.parametrize("how", ["expires", "leaves", "disconnects", "is gone"])
    def test_however_the_interpreter_is_lost(self, theatre: Theatre, how: str) -> None:
        world = theatre.world
        first, second = theatre.interpreter("one"), theatre.interpreter("two", standby=True)
        if how == "expires":
            theatre.pass_time(LEASE_MS + 1, second)
        elif how == "leaves":
            world.ask(first, "leaveSession")
        elif how == "disconnects":
            world.disconnect(first)
        else:
            world.sender.gone.add(first)

        theatre.floor_speaks()

        assert (theatre.voice(), theatre.epoch(), theatre.waiting()) == (second, 2, set())
        assert theatre.changes()[1:] == [("human", "human", 2)]
        theatre.speaks(first)
        theatre.speaks(second)
        assert theatre.heard() == [("es", 2)]

    def test_the_chunk_in_hand_is_not_for_those_who_have_the_next_one(
        self, theatre: Theatre
    ) -> None:
        theatre.interpreter("one")
        second = theatre.interpreter("two", standby=True)
        theatre.pass_time(LEASE_MS + 1, second)

        theatre.floor_speaks()

        assert theatre.heard() == []

    def test_who_waits_and_is_dead_is_passed_over_and_forgotten(self, theatre: Theatre) -> None:
        first = theatre.interpreter("one")
        theatre.interpreter("dead", standby=True)
        theatre.pass_time(1_000, first)
        alive = theatre.interpreter("alive", standby=True)
        theatre.pass_time(LEASE_MS - 500, first, alive)

        theatre.world.disconnect(first)

        assert (theatre.voice(), theatre.waiting()) == (alive, set())

    def test_nobody_is_left_but_the_dead(self, theatre: Theatre) -> None:
        first = theatre.interpreter("one")
        theatre.interpreter("dead", standby=True)
        theatre.pass_time(LEASE_MS + 1, first)

        theatre.world.disconnect(first)

        assert (theatre.voice(), theatre.waiting()) == (None, set())
        assert theatre.changes()[-1] == ("human", "floor", 1)

    def test_who_is_next_and_turns_out_to_be_gone_is_passed_over_at_once(
        self, theatre: Theatre
    ) -> None:
        first = theatre.interpreter("one")
        gone = theatre.interpreter("gone", standby=True)
        last = theatre.interpreter("last", standby=True)
        theatre.world.sender.gone.add(gone)

        theatre.world.disconnect(first)

        assert theatre.voice() == last
        assert theatre.leases(last) == [("promoted", True, 3)]

    def test_who_stops_waiting_is_told_of_nothing(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        leaves = theatre.interpreter("two", standby=True)
        drops = theatre.interpreter("three", standby=True)

        theatre.world.ask(leaves, "leaveSession")
        theatre.world.disconnect(drops)

        assert (theatre.voice(), theatre.waiting()) == (voice, set())
        assert theatre.changes() == [("floor", "human", 1)]

    def test_a_few_may_wait_and_one_more_is_told_so(self, theatre: Theatre) -> None:
        theatre.interpreter("one")
        for number in range(8):
            theatre.interpreter(f"user{number}", standby=True)
        connection = theatre.world.connect("more", "interpreters")

        refused = theatre.join(connection, standby=True)

        assert (refused["code"], refused["status"]) == ("LANGUAGE_TAKEN", 409)
        assert "8 stand-bys" in refused["message"]
        assert theatre.world.ask(connection, "leaveSession")["code"] == "NOT_IN_SESSION"

    def test_the_dead_take_no_room(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        for number in range(8):
            theatre.interpreter(f"user{number}", standby=True)
        theatre.pass_time(LEASE_MS + 1, voice)

        newcomer = theatre.interpreter("more", standby=True)

        assert theatre.waiting() == {newcomer}

    def test_all_of_them_hear_the_floor(self, theatre: Theatre) -> None:
        both = theatre.interpreter("one"), theatre.interpreter("two", standby=True)

        theatre.floor_speaks()

        for connection in both:
            (audio,) = theatre.world.pushes(connection, "audio")
            assert audio["language"] == "en"


class TestRequests:
    @pytest.mark.parametrize("fields", [{"standby": True}, {"source": "human"}])
    @pytest.mark.parametrize("role", ["listener", "speaker"])
    def test_only_interpreters_wait_or_are_machines(
        self, theatre: Theatre, fields: dict[str, object], role: str
    ) -> None:
        connection = theatre.world.connect("alice", "speakers")

        refused = theatre.world.ask(
            connection,
            "joinSession",
            sessionId=theatre.session_id,
            targetLanguage="fr",
            role=role,
            **fields,
        )

        assert refused["code"] == "INVALID_MESSAGE"
        assert refused["message"].startswith(f"{next(iter(fields))}:")

    def test_a_machine_is_said_to_be_one(self, theatre: Theatre) -> None:
        theatre.interpreter(source="machine")

        joined = theatre.world.ask(
            theatre.world.connect(),
            "joinSession",
            sessionId=theatre.session_id,
            targetLanguage="es",
        )

        assert theatre.changes() == [("floor", "machine", 1)]
        assert (joined["channelSource"], joined["channels"]) == ("machine", {"es": "machine"})

    def test_a_repeated_join_of_who_waits_is_answered_again(self, theatre: Theatre) -> None:
        theatre.interpreter("one")
        waiting = theatre.interpreter("two", standby=True)

        again = theatre.join(waiting, standby=True)

        assert (again["type"], again["lease"]["holds"]) == ("sessionJoined", False)

    def test_a_session_that_ends_ends_their_places(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        waiting = theatre.interpreter("two", standby=True)
        theatre.world.ask(theatre.speaker, "endSession")

        assert "lease" not in theatre.beat(voice)
        assert "lease" not in theatre.beat(waiting)
        theatre.world.disconnect(voice)
        assert theatre.changes() == [("floor", "human", 1)]
