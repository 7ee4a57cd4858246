"""Leases of interpreters and stand-bys: renewal, expiry and requests."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession


@pytest.fixture
def session(world: World) -> InterpretedSession:
    return InterpretedSession(world)


class TestLease:
    def test_the_join_reply_contains_the_lease(self, session: InterpretedSession) -> None:
        world = session.world
        first, second = (world.connect(user, "interpreters") for user in ("ines", "ivan"))
        until = world.clock.now_ms() + LEASE_MS

        held, waited = session.join(first), session.join(second, standby=True)

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
        assert session.source_changes() == [("floor", "human", 1)]

    def test_heartbeats_renew_interpreter_and_standby(self, session: InterpretedSession) -> None:
        interpreter, other = session.interpreter(), session.interpreter("ivan", standby=True)

        session.pass_time(10_000, interpreter, other)
        session.send_floor_chunk()

        assert (session.holder(), session.standbys()) == (interpreter, {other})
        assert session.received_chunks() == []
        now = session.world.clock.now_ms()
        assert session.heartbeat(interpreter)["lease"] == {
            "language": "es",
            "holds": True,
            "epoch": 1,
            "standbys": 1,
            "leaseUntil": now + LEASE_MS,
        }
        assert session.heartbeat(other)["lease"] == {
            "language": "es",
            "holds": False,
            "standbys": 0,
            "leaseUntil": now + LEASE_MS,
        }

    def test_other_roles_have_no_lease_in_their_acknowledgement(
        self, session: InterpretedSession
    ) -> None:
        assert "lease" not in session.heartbeat(session.speaker)
        assert "lease" not in session.heartbeat(session.listener)

    def test_chunks_renew_the_lease(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()

        for _ in range(20):
            session.world.clock.advance(1_000)
            assert session.send_chunk(interpreter)
            session.send_floor_chunk()

        assert session.holder() == interpreter
        assert session.received_chunks() == [("es", 1)] * 20

    def test_heartbeats_to_different_instances(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()
        for _ in range(4):
            session.pass_time(1_000, interpreter)
            with session.world.another_instance("control"):
                session.pass_time(1_000, interpreter)
        session.send_floor_chunk()

        assert session.holder() == interpreter

    def test_heartbeats_keep_the_connection_from_idling(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()

        session.pass_time(130_000, interpreter)
        session.world.sweep()

        assert interpreter not in session.world.sender.deleted
        assert session.holder() == interpreter

    def test_silence_alone_does_not_end_the_lease(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()
        for _ in range(60):
            session.pass_time(1_000, interpreter)
            session.send_floor_chunk()

        assert session.holder() == interpreter


class TestExpiry:
    def test_the_floors_next_chunk_ends_the_lease_and_reaches_the_listeners(
        self, session: InterpretedSession
    ) -> None:
        interpreter = session.interpreter()
        session.world.clock.advance(LEASE_MS)
        session.send_floor_chunk()
        assert session.received_chunks() == []

        session.world.clock.advance(1)
        session.send_floor_chunk()

        assert session.received_chunks() == [("en", 1)]
        assert session.source_changes() == [("floor", "human", 1), ("human", "floor", 1)]
        assert session.lease_pushes(interpreter) == [("expired", False, None)]
        assert session.holder() is None
        assert session.world.telemetry.counts["InterpreterLeaseExpired"] == 1

    def test_notified_once(self, session: InterpretedSession) -> None:
        session.interpreter()
        session.world.clock.advance(LEASE_MS + 1)

        for _ in range(5):
            session.send_floor_chunk()

        assert session.source_changes()[1:] == [("human", "floor", 1)]
        assert session.received_chunks() == [("en", 1)] * 5

    def test_a_late_heartbeat_reacquires_a_free_language(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()
        session.world.clock.advance(LEASE_MS + 1)
        session.send_floor_chunk()

        assert not session.send_chunk(interpreter)
        lease = session.heartbeat(interpreter)["lease"]

        assert (lease["holds"], lease["epoch"]) == (True, 2)
        assert session.send_chunk(interpreter)
        assert session.received_chunks() == [("en", 1), ("es", 2)]
        assert session.source_changes()[-1] == ("floor", "human", 2)

    def test_a_late_heartbeat_makes_a_standby_if_the_language_is_taken(
        self, session: InterpretedSession
    ) -> None:
        stalled = session.interpreter()
        session.world.clock.advance(LEASE_MS + 1)
        session.send_floor_chunk()
        successor = session.interpreter("ivan")

        assert not session.send_chunk(stalled)
        lease = session.heartbeat(stalled)["lease"]

        assert (lease["holds"], session.holder(), session.standbys()) == (
            False,
            successor,
            {stalled},
        )
        assert not session.send_chunk(stalled)

    def test_the_sweep_ends_the_lease_while_the_floor_is_silent(
        self, session: InterpretedSession
    ) -> None:
        session.interpreter()
        session.world.clock.advance(LEASE_MS + 1)

        session.world.sweep()

        assert session.holder() is None
        assert session.source_changes()[-1] == ("human", "floor", 1)

    def test_a_join_ends_the_lease(self, session: InterpretedSession) -> None:
        session.interpreter()
        session.world.clock.advance(LEASE_MS + 1)

        newcomer = session.interpreter("ivan")

        assert (session.holder(), session.epoch()) == (newcomer, 2)

    def test_a_standby_precedes_a_newcomer(self, session: InterpretedSession) -> None:
        session.interpreter()
        standby = session.interpreter("ivan", standby=True)
        session.pass_time(LEASE_MS + 1, standby)

        refused = session.join(session.world.connect("ira", "interpreters"))

        assert refused["code"] == "LANGUAGE_TAKEN"
        assert session.holder() == standby

    def test_other_languages_are_unaffected(self, session: InterpretedSession) -> None:
        session.interpreter()
        french = session.world.interpreter(session.session_id, "fr", "ivan")
        session.pass_time(LEASE_MS + 1, french)

        session.send_floor_chunk()

        assert session.world.session(session.session_id).interpreted() == {"fr": "human"}

    def test_a_pause_does_not_end_the_lease(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter()
        session.world.ask(session.speaker, "pauseBroadcast")
        session.pass_time(60_000, interpreter)
        session.world.ask(session.speaker, "resumeBroadcast")

        session.send_floor_chunk()

        assert session.holder() == interpreter


class TestRequests:
    @pytest.mark.parametrize("fields", [{"standby": True}, {"source": "human"}])
    @pytest.mark.parametrize("role", ["listener", "speaker"])
    def test_only_interpreters_may_set_standby_and_source(
        self, session: InterpretedSession, fields: dict[str, object], role: str
    ) -> None:
        connection = session.world.connect("alice", "speakers")

        refused = session.world.ask(
            connection,
            "joinSession",
            sessionId=session.session_id,
            targetLanguage="fr",
            role=role,
            **fields,
        )

        assert refused["code"] == "INVALID_MESSAGE"
        assert refused["message"].startswith(f"{next(iter(fields))}:")

    def test_a_machine_is_named_as_the_source(self, session: InterpretedSession) -> None:
        session.interpreter(source="machine")

        joined = session.world.ask(
            session.world.connect(),
            "joinSession",
            sessionId=session.session_id,
            targetLanguage="es",
        )

        assert session.source_changes() == [("floor", "machine", 1)]
        assert (joined["channelSource"], joined["channels"]) == ("machine", {"es": "machine"})

    def test_a_repeated_join_of_a_standby_is_answered_again(
        self, session: InterpretedSession
    ) -> None:
        session.interpreter("one")
        standby = session.interpreter("two", standby=True)

        again = session.join(standby, standby=True)

        assert (again["type"], again["lease"]["holds"]) == ("sessionJoined", False)

    def test_the_end_of_the_session_ends_all_leases(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        standby = session.interpreter("two", standby=True)
        session.world.ask(session.speaker, "endSession")

        assert "lease" not in session.heartbeat(interpreter)
        assert "lease" not in session.heartbeat(standby)
        session.world.disconnect(interpreter)
        assert session.source_changes() == [("floor", "human", 1)]
