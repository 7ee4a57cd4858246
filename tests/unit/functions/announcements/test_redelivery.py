"""Announcements during joins and after crashes: clients end up with the latest state."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from client.protocol.announcements import AnnouncementTracker
from shared.announcements.known_absences import ABSENCE_MS
from shared.announcements.publisher import REDELIVERY_DELAY_SECONDS
from shared.models.delivery import Outcome
from shared.protocol.server_messages import AnyServerMessage
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World


def announce(world: World, connection: str, scope: str = "all", message: str = "Pause") -> str:
    reply = world.ask(connection, "announce", scope=scope, message=message)
    assert reply["type"] == "announcement", reply
    announcement_id: str = reply["announcementId"]
    return announcement_id


def shown(world: World, connection: str) -> list[str]:
    """The announcements that a client shows after all its pushes."""
    tracker = AnnouncementTracker()
    for message in world.pushes(connection):
        tracker.apply(msgspec.convert(message, AnyServerMessage))
    return [announcement.announcement_id for announcement in tracker.active.values()]


CALLS_OF_A_JOIN = 12


class TestRaces:
    """An event occurs between any two database calls of a join."""

    @staticmethod
    def joining(world: World, event: Callable[[], object], after: int) -> str:
        """Join as a listener while the event occurs."""
        _, session_id = world.create_session()
        client = InterruptibleClient(dynamodb())
        world.use_dynamodb(client)
        listener = world.connect()
        client.interrupt(event, after=after)
        reply = world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")
        assert reply["type"] == "sessionJoined"
        if client.cancel():
            event()
        world.fire_announcement_timers()
        return listener

    @pytest.mark.parametrize("after", range(CALLS_OF_A_JOIN))
    def test_a_clear_during_a_join(self, world: World, after: int) -> None:
        announcer = world.connect("olga", "operators")
        announce(world, announcer)

        listener = self.joining(
            world, lambda: world.ask(announcer, "clearAnnouncement", scope="all"), after
        )

        assert shown(world, listener) == []

    @pytest.mark.parametrize("after", range(CALLS_OF_A_JOIN))
    def test_an_announcement_and_its_clear_during_a_join(self, world: World, after: int) -> None:
        announcer = world.connect("olga", "operators")
        announce(world, announcer)

        def announce_and_clear() -> None:
            announce(world, announcer, message="New")
            world.ask(announcer, "clearAnnouncement", scope="all")

        listener = self.joining(world, announce_and_clear, after)

        assert shown(world, listener) == []

    @pytest.mark.parametrize("after", range(CALLS_OF_A_JOIN))
    def test_an_announcement_during_a_join(self, world: World, after: int) -> None:
        announcer = world.connect("olga", "operators")
        announce(world, announcer)

        listener = self.joining(world, lambda: announce(world, announcer, message="New"), after)

        active = world.ask(listener, "getActiveAnnouncement")
        assert shown(world, listener) == [active["announcementId"]]

    def test_continuous_announcements_do_not_hold_up_a_join(self, world: World) -> None:
        _, session_id = world.create_session()
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        client = InterruptibleClient(dynamodb())
        world.use_dynamodb(client)

        def again() -> None:
            announce(world, announcer)
            client.interrupt(again, after=2)

        client.interrupt(again, after=6)
        listener = world.listener(session_id)
        client.cancel()

        assert 1 <= len(world.pushes(listener, "activeAnnouncement")) <= 4


class TestRedeliveryPass:
    def test_reaches_connections_missing_from_the_index(self, world: World) -> None:
        early = world.connect()
        world.clock.advance(60_000)
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        late = world.connect()
        # As if the index lagged: the first pass did not find this connection.
        assert world.pushes(late) == []

        world.fire_announcement_timers()

        assert [message["message"] for message in world.pushes(late)] == ["Pause"]
        assert len(world.pushes(early, "announcement")) == 1

    @pytest.mark.parametrize("scope", ["all", "session"])
    def test_recent_arrivals_are_reached_and_counted_once(self, world: World, scope: str) -> None:
        speaker, session_id = world.create_session()
        before = world.listener(session_id, "es")
        announcer = world.connect("olga", "operators") if scope == "all" else speaker
        announce(world, announcer, scope)
        world.clock.advance(ABSENCE_MS)  # no instance trusts an earlier read any more
        after = world.listener(session_id, "es")
        world.fire_announcement_timers()
        world.fire_announcement_timers()

        assert [message["type"] for message in world.pushes(before)] == ["announcement"]
        assert [message["type"] for message in world.pushes(after)] == ["activeAnnouncement"]
        assert world.pushes(announcer) == []
        coverage = world.ask(announcer, "getActiveAnnouncement")["coverage"]
        assert coverage["languages"]["es"]["delivered"] == 2

    @pytest.mark.parametrize("scope", ["all", "session"])
    @pytest.mark.parametrize("skew_ms", [-1_000, 0, 1_000])
    def test_reaches_members_whose_instance_trusted_that_nothing_was_announced(
        self, world: World, scope: str, skew_ms: int
    ) -> None:
        """Members join throughout the time of trust; the clocks of functions disagree."""
        speaker, session_id = world.create_session()
        world.clock.advance(60_000)
        for _ in range(3):  # the instance reads, and so trusts for a second
            world.listener(session_id, "es")
        announcer = world.connect("olga", "operators") if scope == "all" else speaker
        world.clock.advance(skew_ms)
        announce(world, announcer, scope)
        world.clock.advance(-skew_ms)
        late = []
        for _ in range(2):
            late.append(world.listener(session_id, "es"))
            world.clock.advance(ABSENCE_MS - 1)
        assert [world.pushes(member) for member in late] == [[], []]
        world.clock.advance(1)
        later = world.listener(session_id, "es")
        assert [message["type"] for message in world.pushes(later)] == ["activeAnnouncement"]

        world.clock.advance(REDELIVERY_DELAY_SECONDS * 1_000 - ABSENCE_MS)
        world.fire_announcement_timers()

        for member in late:
            assert [message["message"] for message in world.pushes(member)] == ["Pause"]
        assert len(world.pushes(later)) == 1

    def test_clears_are_sent_once(self, world: World) -> None:
        reader, announcer = world.connect(), world.connect("olga", "operators")
        announce(world, announcer)
        world.ask(announcer, "clearAnnouncement", scope="all")
        world.fire_announcement_timers()

        assert len(world.pushes(reader, "announcementCleared")) == 1
        assert world.pushes(announcer) == []

    @pytest.mark.parametrize("joins", [True, False])
    @pytest.mark.parametrize("who", [{"user": "rosa"}, {"client_id": "rosas-phone"}])
    def test_acknowledged_announcements_are_not_sent_to_a_new_connection(
        self, world: World, who: dict[str, str], joins: bool
    ) -> None:
        _, session_id = world.create_session()
        first, announcer = world.connect(**who), world.connect("olga", "operators")
        announcement_id = announce(world, announcer)
        world.ask(first, "acknowledgeAnnouncement", announcementId=announcement_id)
        world.disconnect(first)
        world.clock.advance(ABSENCE_MS)
        second = world.connect(**who)
        if joins:
            world.ask(second, "joinSession", sessionId=session_id, targetLanguage="es")

        world.fire_announcement_timers()

        assert world.pushes(second) == []

    def test_reaches_recipients_whose_first_delivery_failed(self, world: World) -> None:
        reader, announcer = world.connect(), world.connect("olga", "operators")
        world.sender.script(reader, Outcome.FAILED)
        announce(world, announcer)
        assert world.pushes(reader) == []

        world.fire_announcement_timers()

        assert [message["message"] for message in world.pushes(reader)] == ["Pause"]

    def test_in_a_session_reaches_only_recently_seated_members(self, world: World) -> None:
        speaker, session_id = world.create_session()
        _, other_id = world.create_session()
        seated, mover = world.listener(session_id), world.connect()
        world.clock.advance(60_000)
        world.ask(mover, "joinSession", sessionId=session_id, targetLanguage="es")
        elsewhere = world.listener(other_id)
        for reader in (seated, mover):
            world.sender.script(reader, Outcome.FAILED)
        announce(world, speaker, "session")
        world.fire_announcement_timers()

        assert world.pushes(seated) == []
        assert len(world.pushes(mover, "announcement")) == 1
        assert world.pushes(elsewhere) == []

    def test_sends_the_clear_if_cleared_meanwhile(self, world: World) -> None:
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        world.ask(announcer, "clearAnnouncement", scope="all")
        late = world.connect()

        world.fire_announcement_timers()

        assert {message["type"] for message in world.pushes(late)} == {"announcementCleared"}

    def test_skips_replaced_announcements(self, world: World) -> None:
        announcer = world.connect("olga", "operators")
        announce(world, announcer)
        second = announce(world, announcer, message="New")
        late = world.connect()

        world.fire_announcement_timers()

        (message,) = world.pushes(late)
        assert message["announcementId"] == second

    def test_sends_to_everyone_after_a_crash_before_the_fanout(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The announcing function dies before it has sent anything."""
        reader, announcer = world.connect(), world.connect("olga", "operators")
        client = InterruptibleClient(dynamodb())
        world.use_dynamodb(client)

        def die() -> None:
            raise SystemExit

        world.clock.advance(60_000)
        client.interrupt(die, after=2)
        with pytest.raises(SystemExit):
            announce(world, announcer)
        assert world.pushes(reader) == []

        for _ in range(2):  # at first, the announcing function may still be at work
            world.fire_announcement_timers()
            world.clock.advance(15_000)

        assert [message["message"] for message in world.pushes(reader)] == ["Pause"]
        assert world.announcement_timers.set_ == []

    def test_a_retry_with_a_key_completes_a_crashed_attempt(self, world: World) -> None:
        """Wherever the first attempt dies, the reader gets the announcement once."""
        for calls in range(6):
            reader = world.connect()
            announcer = world.connect("olga", "operators")
            client = InterruptibleClient(dynamodb())
            world.use_dynamodb(client)
            request = {"scope": "all", "message": "Pause", "idempotencyKey": f"k{calls}"}

            def die() -> None:
                raise SystemExit

            client.interrupt(die, after=calls)
            with pytest.raises(SystemExit):
                world.ask(announcer, "announce", **request)
            reply = world.ask(announcer, "announce", **request)
            again = world.ask(announcer, "announce", **request)
            for _ in range(3):
                world.fire_announcement_timers()
                world.clock.advance(15_000)

            ids = {message["announcementId"] for message in world.pushes(reader, "announcement")}
            assert ids == {reply["announcementId"]} == {again["announcementId"]}
            world.clock.advance(60_000)
            world.disconnect(reader)
