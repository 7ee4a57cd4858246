"""Replay of active announcements to connections that join or create a session."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.announcements.known_absences import ABSENCE_MS
from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb
from tests.helpers.world import World


class TableClient:
    """DynamoDB client that records calls to the announcements table.

    Refuses them while `throttled`.
    """

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
    """The client that the functions use."""
    client = TableClient()
    world.use_dynamodb(client)
    return client


def announce(world: World, connection: str, scope: str = "all", message: str = "Pause") -> str:
    reply = world.ask(
        connection, "announce", scope=scope, message=message, translations={"es": "Pausa"}
    )
    assert reply["type"] == "announcement", reply
    world.clock.advance(ABSENCE_MS)  # no instance trusts an earlier read any more
    announcement_id: str = reply["announcementId"]
    return announcement_id


def replayed(world: World, connection: str) -> list[str]:
    return [message["message"] for message in world.pushes(connection, "activeAnnouncement")]


class TestRecipients:
    def test_a_listener_gets_both_scopes_in_their_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        announce(world, speaker, "session", "Wait")

        listener = world.listener(session_id, "es")

        assert sorted(replayed(world, listener)) == ["Pausa", "Pausa"]
        scopes = {message["scope"] for message in world.pushes(listener, "activeAnnouncement")}
        assert scopes == {"all", "session"}

    def test_interpreters_and_session_creators_get_a_replay(self, world: World) -> None:
        announce(world, world.connect("olga", "operators"))

        speaker, session_id = world.create_session()

        assert replayed(world, speaker) == ["Pause"]
        assert replayed(world, world.interpreter(session_id, "es")) == ["Pausa"]

    def test_a_returning_speaker_reads_the_source_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.ask(
            speaker,
            "announce",
            scope="session",
            message="Pause",
            translations={"en": "A break"},
        )
        world.clock.advance(ABSENCE_MS)
        world.disconnect(speaker)
        back = world.connect("alice", "speakers")

        world.ask(back, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")

        assert replayed(world, back) == ["A break"]

    def test_acknowledged_announcements_are_not_replayed(self, world: World) -> None:
        _, session_id = world.create_session()
        made = announce(world, world.connect("olga", "operators"))
        world.ask(world.connect("rita"), "acknowledgeAnnouncement", announcementId=made)

        for user, expected in (("rita", []), ("otto", ["Pausa"])):
            connection = world.connect(user)
            world.ask(connection, "joinSession", sessionId=session_id, targetLanguage="es")
            assert replayed(world, connection) == expected

    def test_a_refused_join_gets_no_replay(self, world: World) -> None:
        announce(world, world.connect("olga", "operators"))
        connection = world.connect()

        world.ask(connection, "joinSession", sessionId="calm-otter-404", targetLanguage="es")

        assert world.pushes(connection) == []

    def test_replays_count_as_deliveries(self, world: World) -> None:
        _, session_id = world.create_session()
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        world.listener(session_id, "es")

        coverage = world.ask(announcer, "getActiveAnnouncement")["coverage"]

        # The speaker was present when it was made.
        assert coverage["languages"] == {
            "es": {"delivered": 1, "acknowledged": 0},
            "unknown": {"delivered": 1, "acknowledged": 0},
        }


class TestCost:
    def test_one_read_a_second_if_nothing_is_announced(
        self, world: World, table: TableClient
    ) -> None:
        _, session_id = world.create_session()
        for _ in range(2):
            world.clock.advance(ABSENCE_MS)
            table.calls.clear()
            world.listener(session_id)
            world.clock.advance(ABSENCE_MS - 1)
            world.listener(session_id)
            assert table.calls == ["batch_get_item"]

    def test_three_reads_and_one_count_if_something_is(
        self, world: World, table: TableClient
    ) -> None:
        _, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        table.calls.clear()

        world.listener(session_id)

        # Announcements, acknowledgements, the count, and the announcements once more.
        assert table.calls == [*["batch_get_item"] * 2, "update_item", "batch_get_item"]


class TestFailures:
    def test_joins_succeed_while_the_table_is_throttled(
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

    def test_a_deferred_replay_is_retried_until_it_succeeds(
        self, world: World, table: TableClient
    ) -> None:
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

        assert replayed(world, listener) == ["Pausa"]

    def test_a_deferred_replay_depends_on_the_seat_at_that_time(
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

        assert replayed(world, left) == replayed(world, gone) == []

    def test_joins_succeed_while_table_and_queue_are_unavailable(
        self, world: World, table: TableClient
    ) -> None:
        _, session_id = world.create_session()
        world.clock.advance(ABSENCE_MS)
        table.throttled = world.announcement_timers.failing = True

        world.listener(session_id)

        assert "replay not deferred" in world.telemetry.warnings

    def test_a_failed_push_is_deferred_to_the_queue(self, world: World) -> None:
        _, session_id = world.create_session()
        announce(world, world.connect("olga", "operators"))
        world.announcement_timers.set_.clear()
        listener = world.connect()
        world.sender.failing.add(listener)
        world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
        world.sender.failing.clear()

        world.fire_announcement_timers()

        assert replayed(world, listener) == ["Pausa"]
