"""The audio path and leases: what a chunk costs, what it does in trouble, and who is too silent."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.booths import LEASE_MS, Theatre


class Database:
    """A client of DynamoDB that counts its calls, and whose writes can fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuses: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        call = getattr(dynamodb(), name)

        def counted(**arguments: Any) -> Any:
            self.calls.append(name)
            if name in self.refuses:
                raise EndpointConnectionError(endpoint_url="https://dynamodb")
            return call(**arguments)

        return counted

    def during(self) -> list[str]:
        """The calls since the last time."""
        made, self.calls = self.calls, []
        return made


@pytest.fixture
def theatre(world: World) -> Theatre:
    return Theatre(world)


@pytest.fixture
def database(world: World) -> Database:
    database = Database()
    world.use_dynamodb(database)
    return database


class TestCosts:
    def test_a_chunk_of_the_floor_is_one_read(self, theatre: Theatre, database: Database) -> None:
        theatre.interpreter("one")
        theatre.interpreter("two", standby=True)
        theatre.floor_speaks()
        database.during()

        theatre.floor_speaks()

        assert database.during() == ["get_item"]

    def test_an_interpreters_chunk_renews_its_lease_and_is_charged_once_a_second(
        self, theatre: Theatre, database: Database
    ) -> None:
        voice = theatre.interpreter("one")
        theatre.speaks(voice)
        database.during()
        for _ in range(10):
            theatre.world.clock.advance(200)
            assert theatre.speaks(voice)

        calls = database.during()
        assert (calls.count("get_item"), calls.count("update_item")) == (10, 4)

    @pytest.mark.parametrize("waits", [False, True])
    def test_an_interpreters_heartbeat_is_one_write(
        self, theatre: Theatre, database: Database, waits: bool
    ) -> None:
        other = theatre.interpreter("one")
        interpreter = theatre.interpreter("two", standby=True) if waits else other
        theatre.beat(interpreter)
        database.during()

        theatre.pass_time(1_000, interpreter)

        assert database.during() == ["update_item"]

    def test_others_heartbeats_cost_what_they_did(
        self, theatre: Theatre, database: Database
    ) -> None:
        for connection in (theatre.speaker, theatre.listener):
            theatre.beat(connection)
            assert database.during() == ["update_item", "get_item"]
        theatre.world.clock.advance(30_000)
        for connection in (theatre.speaker, theatre.listener):
            theatre.beat(connection)
            assert database.during() == ["update_item"]

    def test_an_expiry_is_one_write_and_the_push_comes_after_the_chunk(
        self, theatre: Theatre, database: Database
    ) -> None:
        theatre.interpreter("one")
        theatre.world.clock.advance(LEASE_MS + 1)
        database.during()
        theatre.floor_speaks()

        kinds = [push["type"] for push in theatre.world.pushes(theatre.listener)]
        assert kinds == ["channelSourceChanged", "audio", "channelSourceChanged"]
        # This one, that its news have been told, that the speaker's connection is in use, and what
        # audio it has sent.
        assert database.during().count("update_item") == 4


class TestTrouble:
    def test_a_chunk_goes_out_though_the_loss_cannot_be_written(
        self, theatre: Theatre, database: Database
    ) -> None:
        voice = theatre.interpreter("one")
        theatre.floor_speaks()
        theatre.world.clock.advance(LEASE_MS + 1)
        database.refuses.add("update_item")
        database.during()

        for _ in range(3):
            theatre.floor_speaks()

        assert theatre.heard() == [("en", 1)] * 3
        assert theatre.voice() == voice
        # One attempt a second of each, the loss and the account of audio, tried twice.
        assert database.during().count("update_item") == 4
        database.refuses.clear()
        theatre.world.clock.advance(1_000)
        theatre.floor_speaks()
        assert theatre.voice() is None
        assert theatre.changes()[-1] == ("human", "floor", 1)

    def test_a_chunk_of_an_interpreter_goes_out_though_its_lease_cannot_be_renewed(
        self, theatre: Theatre, database: Database
    ) -> None:
        voice = theatre.interpreter("one")
        theatre.speaks(voice)
        theatre.world.clock.advance(1_000)
        database.refuses.add("update_item")

        assert theatre.speaks(voice)

        assert theatre.heard() == [("es", 1)] * 2

    def test_a_heartbeat_that_cannot_be_written_is_told_so(
        self, theatre: Theatre, database: Database
    ) -> None:
        voice = theatre.interpreter("one")
        theatre.beat(voice)
        database.refuses.add("update_item")

        refused = theatre.world.ask(voice, "heartbeat")

        assert (refused["code"], refused["retryable"]) == ("UNAVAILABLE", True)
        database.refuses.clear()
        assert theatre.beat(voice)["lease"]["holds"]


class TestSilence:
    @pytest.fixture(autouse=True)
    def ten_seconds(self, world: World) -> None:
        world.use_settings(INTERPRETER_SILENCE_SECONDS="10")

    def speak_for(self, theatre: Theatre, milliseconds: int, *alive: str) -> None:
        for _ in range(milliseconds // 1_000):
            theatre.pass_time(1_000, *alive)
            theatre.floor_speaks()

    def test_a_person_who_is_silent_while_the_floor_speaks_waits_behind_the_others(
        self, theatre: Theatre
    ) -> None:
        silent = theatre.interpreter("one")
        second = theatre.interpreter("two", standby=True)
        theatre.floor_speaks()

        self.speak_for(theatre, 10_000, silent, second)
        assert theatre.voice() == silent
        self.speak_for(theatre, 1_000, silent, second)

        assert (theatre.voice(), theatre.waiting()) == (second, {silent})
        assert theatre.leases(silent) == [("silent", False, None)]
        assert theatre.world.telemetry.counts["InterpreterSilent"] == 1

    def test_alone_they_leave_the_language_to_the_floor_until_they_take_over(
        self, theatre: Theatre
    ) -> None:
        silent = theatre.interpreter("one")
        theatre.floor_speaks()

        self.speak_for(theatre, 12_000, silent)

        assert (theatre.voice(), theatre.waiting()) == (None, {silent})
        assert theatre.changes()[-1] == ("human", "floor", 1)
        assert not theatre.speaks(silent)
        assert theatre.beat(silent)["lease"]["holds"] is False
        assert theatre.world.ask(silent, "takeOver")["lease"]["epoch"] == 2
        assert theatre.speaks(silent)

    def test_who_says_something_now_and_then_keeps_it(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        for _ in range(4):
            self.speak_for(theatre, 9_000, voice)
            assert theatre.speaks(voice)

        assert theatre.voice() == voice

    def test_a_chunk_too_many_to_be_written_counts_as_well(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        self.speak_for(theatre, 5_000, voice)
        assert theatre.speaks(voice)
        theatre.world.clock.advance(900)
        assert theatre.speaks(voice)

        self.speak_for(theatre, 9_000, voice)
        theatre.world.clock.advance(900)
        theatre.floor_speaks()

        assert theatre.voice() == voice

    def test_machines_may_be_silent(self, theatre: Theatre) -> None:
        machine = theatre.interpreter("robot", source="machine")

        self.speak_for(theatre, 30_000, machine)

        assert theatre.voice() == machine

    def test_the_floors_own_silence_is_not_held_against_them(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        theatre.floor_speaks()
        theatre.pass_time(60_000, voice)

        self.speak_for(theatre, 9_000, voice)

        assert theatre.voice() == voice

    def test_nor_is_a_pause(self, theatre: Theatre) -> None:
        voice = theatre.interpreter("one")
        self.speak_for(theatre, 5_000, voice)
        theatre.world.ask(theatre.speaker, "pauseBroadcast")
        self.speak_for(theatre, 20_000, voice)
        theatre.world.ask(theatre.speaker, "resumeBroadcast")

        self.speak_for(theatre, 9_000, voice)
        assert theatre.voice() == voice
        self.speak_for(theatre, 2_000, voice)
        assert theatre.voice() is None
