"""Leases on the audio path: database calls, failures, and silent interpreters."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.helpers.audiences import sessions_table
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.interpretation.interpreted_session import LEASE_MS, InterpretedSession


class Database:
    """DynamoDB client that records its calls. Operations can be made to fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._failing: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        call = getattr(dynamodb(), name)

        def recorded(**arguments: Any) -> Any:
            self.calls.append(name)
            if name in self._failing:
                raise EndpointConnectionError(endpoint_url="https://dynamodb")
            return call(**arguments)

        return recorded

    def fail(self, operation: str) -> None:
        """Fail all calls of an operation until `recover`."""
        assert hasattr(dynamodb(), operation), operation
        self._failing.add(operation)

    def recover(self) -> None:
        self._failing.clear()

    def drain(self) -> list[str]:
        """Return the calls since the last drain."""
        made, self.calls = self.calls, []
        return made


@pytest.fixture
def session(world: World) -> InterpretedSession:
    return InterpretedSession(world)


@pytest.fixture
def database(world: World) -> Database:
    database = Database()
    world.use_dynamodb(database)
    return database


class TestCosts:
    def test_a_floor_chunk_is_one_read(
        self, session: InterpretedSession, database: Database
    ) -> None:
        session.send_floor_chunk()
        session.send_floor_chunk()
        session.interpreter("one")
        session.interpreter("two", standby=True)
        database.drain()

        for _ in range(3):
            session.send_floor_chunk()

        # The first chunk learns of the interpreter from the session's row.
        reads = [call for call in database.drain() if call.endswith("get_item")]
        assert reads == ["get_item", "batch_get_item", "batch_get_item"]

    def test_leases_renewed_for_minutes_cost_no_further_read(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreters = [
            session.interpreter("one"),
            session.interpreter("two", standby=True),
            session.world.interpreter(session.session_id, "fr", "three"),
        ]
        session.send_floor_chunk()
        for _ in range(120):
            session.pass_time(1_000, *interpreters)
            session.send_floor_chunk()
        database.drain()

        session.send_floor_chunk()

        assert database.drain() == ["batch_get_item"]
        assert session.holder() == interpreters[0]

    def test_the_first_chunk_of_an_instance_reads_leases_before_it_ends_them(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.pass_time(10_000, interpreter)
        database.drain()

        with session.world.another_instance("audio_processor"):
            session.send_floor_chunk()

        calls = database.drain()
        # The connection, its session, and the connection again, to record its activity.
        assert (calls.count("get_item"), calls.count("batch_get_item")) == (3, 1)
        assert (session.holder(), session.received_chunks()) == (interpreter, [])

    def test_interpreter_chunks_write_lease_and_usage_once_a_second(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.send_chunk(interpreter)
        database.drain()
        for _ in range(10):
            session.world.clock.advance(200)
            assert session.send_chunk(interpreter)

        calls = database.drain()
        assert (calls.count("batch_get_item"), calls.count("update_item")) == (10, 4)
        assert "get_item" not in calls

    @pytest.mark.parametrize("standby", [False, True])
    def test_a_heartbeat_of_an_interpreter_is_one_write_and_one_read(
        self, session: InterpretedSession, database: Database, standby: bool
    ) -> None:
        other = session.interpreter("one")
        interpreter = session.interpreter("two", standby=True) if standby else other
        session.heartbeat(interpreter)
        database.drain()

        session.pass_time(1_000, interpreter)

        assert database.drain() == ["update_item", "batch_get_item"]

    def test_heartbeats_of_other_roles(
        self, session: InterpretedSession, database: Database
    ) -> None:
        for connection in (session.speaker, session.listener):
            session.heartbeat(connection)
            assert database.drain() == ["update_item", "get_item"]
        session.world.clock.advance(30_000)
        for connection in (session.speaker, session.listener):
            session.heartbeat(connection)
            assert database.drain() == ["update_item"]

    def test_an_expiry_is_one_write_and_its_push_follows_the_chunk(
        self, session: InterpretedSession, database: Database
    ) -> None:
        session.interpreter("one")
        session.world.clock.advance(LEASE_MS + 1)
        database.drain()
        session.send_floor_chunk()

        kinds = [push["type"] for push in session.world.pushes(session.listener)]
        assert kinds == ["channelSourceChanged", "audio", "channelSourceChanged"]
        # The expiry, the confirmed notification, the speaker's activity, and its audio usage.
        assert database.drain().count("update_item") == 4


class TestFailures:
    def test_a_lease_that_cannot_be_read_is_not_ended(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.pass_time(10_000, interpreter)
        database.fail("batch_get_item")

        with session.world.another_instance("audio_processor"):
            session.send_floor_chunk()

        assert (session.holder(), session.received_chunks()) == (interpreter, [])
        assert len(session.world.pushes(interpreter, "audio")) == 1

    def test_chunks_are_sent_even_if_the_expiry_cannot_be_written(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.send_floor_chunk()
        session.world.clock.advance(LEASE_MS + 1)
        database.fail("update_item")
        database.drain()

        for _ in range(3):
            session.send_floor_chunk()

        assert session.received_chunks() == [("en", 1)] * 3
        assert session.holder() == interpreter
        # One attempt a second to write the expiry and the audio usage, each tried twice.
        assert database.drain().count("update_item") == 4
        database.recover()
        session.world.clock.advance(1_000)
        session.send_floor_chunk()
        assert session.holder() is None
        assert session.source_changes()[-1] == ("human", "floor", 1)

    def test_chunks_are_sent_even_if_the_lease_cannot_be_renewed(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.send_chunk(interpreter)
        session.world.clock.advance(1_000)
        database.fail("update_item")

        assert session.send_chunk(interpreter)

        assert session.received_chunks() == [("es", 1)] * 2

    def test_a_heartbeat_that_cannot_be_written_is_a_retryable_error(
        self, session: InterpretedSession, database: Database
    ) -> None:
        interpreter = session.interpreter("one")
        session.heartbeat(interpreter)
        database.fail("update_item")

        refused = session.world.ask(interpreter, "heartbeat")

        assert (refused["code"], refused["retryable"]) == ("UNAVAILABLE", True)
        database.recover()
        assert session.heartbeat(interpreter)["lease"]["holds"]


class TestFormerVersion:
    def test_a_lease_renewed_in_the_sessions_row_counts(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        session.world.clock.advance(10_000)
        sessions_table().update(
            session.session_id,
            "SET #channels.#es.#lease = :until",
            condition="attribute_exists(#channels.#es)",
            names={"#channels": "channels", "#es": "es", "#lease": "leaseUntil"},
            values={":until": session.world.clock.now_ms() + LEASE_MS},
        )

        session.send_floor_chunk()

        assert (session.holder(), session.received_chunks()) == (interpreter, [])


class TestSilence:
    @pytest.fixture(autouse=True)
    def limit_silence_to_ten_seconds(self, world: World) -> None:
        world.use_settings(INTERPRETER_SILENCE_SECONDS="10")

    def send_floor_chunks(
        self, session: InterpretedSession, milliseconds: int, *alive: str
    ) -> None:
        for _ in range(milliseconds // 1_000):
            session.pass_time(1_000, *alive)
            session.send_floor_chunk()

    def test_a_silent_interpreter_becomes_the_last_standby(
        self, session: InterpretedSession
    ) -> None:
        silent = session.interpreter("one")
        second = session.interpreter("two", standby=True)
        session.send_floor_chunk()

        self.send_floor_chunks(session, 10_000, silent, second)
        assert session.holder() == silent
        self.send_floor_chunks(session, 1_000, silent, second)

        assert (session.holder(), session.standbys()) == (second, {silent})
        assert session.lease_pushes(silent) == [("silent", False, None)]
        assert session.world.telemetry.counts["InterpreterSilent"] == 1

    def test_without_standbys_the_floor_follows_until_a_takeover(
        self, session: InterpretedSession
    ) -> None:
        silent = session.interpreter("one")
        session.send_floor_chunk()

        self.send_floor_chunks(session, 12_000, silent)

        assert (session.holder(), session.standbys()) == (None, {silent})
        assert session.source_changes()[-1] == ("human", "floor", 1)
        assert not session.send_chunk(silent)
        assert session.heartbeat(silent)["lease"]["holds"] is False
        assert session.world.ask(silent, "takeOver")["lease"]["epoch"] == 2
        assert session.send_chunk(silent)

    def test_occasional_chunks_keep_the_language(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        for _ in range(4):
            self.send_floor_chunks(session, 9_000, interpreter)
            assert session.send_chunk(interpreter)

        assert session.holder() == interpreter

    def test_chunks_within_the_renewal_interval_count_too(
        self, session: InterpretedSession
    ) -> None:
        interpreter = session.interpreter("one")
        self.send_floor_chunks(session, 5_000, interpreter)
        assert session.send_chunk(interpreter)
        session.world.clock.advance(900)
        assert session.send_chunk(interpreter)

        self.send_floor_chunks(session, 9_000, interpreter)
        session.world.clock.advance(900)
        session.send_floor_chunk()

        assert session.holder() == interpreter

    def test_machines_may_be_silent(self, session: InterpretedSession) -> None:
        machine = session.interpreter("robot", source="machine")

        self.send_floor_chunks(session, 30_000, machine)

        assert session.holder() == machine

    def test_silence_of_the_floor_does_not_count(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        session.send_floor_chunk()
        session.pass_time(60_000, interpreter)

        self.send_floor_chunks(session, 9_000, interpreter)

        assert session.holder() == interpreter

    def test_a_pause_does_not_count(self, session: InterpretedSession) -> None:
        interpreter = session.interpreter("one")
        self.send_floor_chunks(session, 5_000, interpreter)
        session.world.ask(session.speaker, "pauseBroadcast")
        self.send_floor_chunks(session, 20_000, interpreter)
        session.world.ask(session.speaker, "resumeBroadcast")

        self.send_floor_chunks(session, 9_000, interpreter)
        assert session.holder() == interpreter
        self.send_floor_chunks(session, 2_000, interpreter)
        assert session.holder() is None
