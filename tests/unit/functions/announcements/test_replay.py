"""Who joins or creates a session is told what is announced, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb
from tests.helpers.world import World


class TableClient:
    """Notes the calls to the table of announcements; refuses them while it is `throttled`."""

    def __init__(self) -> None:
        self._client: Any = dynamodb()
        self.calls: list[str] = []
        self.throttled = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def counted(**arguments: Any) -> Any:
            if ANNOUNCEMENTS in (arguments.get("TableName"), *arguments.get("RequestItems", ())):
                self.calls.append(name)
                if self.throttled:
                    code = "ProvisionedThroughputExceededException"
                    raise ClientError({"Error": {"Code": code}}, name)
            return call(**arguments)

        return counted


@pytest.fixture
def table(world: World) -> TableClient:
    """What the functions reach the tables by."""
    client = TableClient()
    world.use_dynamodb(client)
    return client


def announce(world: World, connection: str, scope: str = "all", message: str = "Pause") -> str:
    reply = world.ask(
        connection, "announce", scope=scope, message=message, translations={"es": "Pausa"}
    )
    assert reply["type"] == "announcement", reply
    announcement_id: str = reply["announcementId"]
    return announcement_id


def greeted(world: World, connection: str) -> list[str]:
    return [message["message"] for message in world.pushes(connection, "activeAnnouncement")]


class TestWhoComes:
    def test_a_listener_is_told_of_both_scopes_in_their_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        announce(world, speaker, "session", "Wait")

        listener = world.listener(session_id, "es")

        assert sorted(greeted(world, listener)) == ["Pausa", "Pausa"]
        scopes = {message["scope"] for message in world.pushes(listener, "activeAnnouncement")}
        assert scopes == {"all", "session"}

    def test_so_is_an_interpreter_and_who_creates_a_session(self, world: World) -> None:
        announce(world, world.connect("olga", "operators"))

        speaker, session_id = world.create_session()

        assert greeted(world, speaker) == ["Pause"]
        assert greeted(world, world.interpreter(session_id, "es")) == ["Pausa"]

    def test_a_speaker_who_comes_back_reads_the_sessions_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.ask(
            speaker,
            "announce",
            scope="session",
            message="Pause",
            translations={"en": "A break"},
        )
        world.disconnect(speaker)
        back = world.connect("alice", "speakers")

        world.ask(back, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")

        assert greeted(world, back) == ["A break"]

    def test_not_what_they_acknowledged_before(self, world: World) -> None:
        _, session_id = world.create_session()
        made = announce(world, world.connect("olga", "operators"))
        world.ask(world.connect("rita"), "acknowledgeAnnouncement", announcementId=made)

        for user, expected in (("rita", []), ("otto", ["Pausa"])):
            connection = world.connect(user)
            world.ask(connection, "joinSession", sessionId=session_id, targetLanguage="es")
            assert greeted(world, connection) == expected

    def test_not_who_was_refused(self, world: World) -> None:
        announce(world, world.connect("olga", "operators"))
        connection = world.connect()

        world.ask(connection, "joinSession", sessionId="calm-otter-404", targetLanguage="es")

        assert world.pushes(connection) == []

    def test_who_is_greeted_counts_as_reached(self, world: World) -> None:
        _, session_id = world.create_session()
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        world.listener(session_id, "es")

        coverage = world.ask(announcer, "getActiveAnnouncement")["coverage"]

        # The speaker was there when it was made.
        assert coverage["languages"] == {
            "es": {"delivered": 1, "acknowledged": 0},
            "unknown": {"delivered": 1, "acknowledged": 0},
        }


class TestCost:
    def test_one_read_where_nothing_is_announced(self, world: World, table: TableClient) -> None:
        _, session_id = world.create_session()
        table.calls.clear()

        world.listener(session_id)

        assert table.calls == ["batch_get_item"]

    def test_three_reads_and_a_count_where_something_is(
        self, world: World, table: TableClient
    ) -> None:
        _, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        table.calls.clear()

        world.listener(session_id)

        # What there is, what was acknowledged, what was delivered, what there is by now.
        assert table.calls == [*["batch_get_item"] * 2, "update_item", "batch_get_item"]


class TestTroubles:
    def test_a_table_that_refuses_keeps_nobody_from_joining(
        self, world: World, table: TableClient
    ) -> None:
        speaker, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        table.throttled = True

        listener = world.listener(session_id)
        world.send_audio(speaker, 1)

        assert [message["type"] for message in world.pushes(listener)] == ["audio"]
        assert world.telemetry.counts["AnnouncementsUnavailable"] == 1
        assert world.telemetry.faults == []

    def test_the_greeting_comes_when_it_can(self, world: World, table: TableClient) -> None:
        _, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        world.announcement_timers.set_.clear()
        table.throttled = True
        listener = world.listener(session_id)
        ((due, delay),) = world.announcement_timers.set_
        assert delay == 0

        failed = world.fire_announcement_timers()
        assert failed == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        table.throttled = False
        world.announcement_timers.set(due, 0)
        assert world.fire_announcement_timers() == {"batchItemFailures": []}

        assert greeted(world, listener) == ["Pausa"]

    def test_who_has_left_by_then_is_told_what_holds_where_they_are(
        self, world: World, table: TableClient
    ) -> None:
        speaker, session_id = world.create_session()
        announce(world, speaker, "session")
        world.announcement_timers.set_.clear()
        table.throttled = True
        left, gone = world.listener(session_id), world.listener(session_id)
        world.ask(left, "leaveSession")
        world.disconnect(gone)
        table.throttled = False

        assert world.fire_announcement_timers() == {"batchItemFailures": []}

        assert greeted(world, left) == greeted(world, gone) == []

    def test_a_queue_that_refuses_too_keeps_nobody_from_joining(
        self, world: World, table: TableClient
    ) -> None:
        _, session_id = world.create_session()
        table.throttled = world.announcement_timers.failing = True

        world.listener(session_id)

        assert "greeting not left to the queue" in world.telemetry.warnings

    def test_a_push_that_fails_is_left_to_the_queue(self, world: World) -> None:
        _, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        world.announcement_timers.set_.clear()
        listener = world.connect()
        world.sender.failing.add(listener)
        world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
        world.sender.failing.clear()

        world.fire_announcement_timers()

        assert greeted(world, listener) == ["Pausa"]
