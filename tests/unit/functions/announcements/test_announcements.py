"""Announcing and clearing over WebSocket: recipients, languages, lifetime, idempotency."""

from __future__ import annotations

from typing import Any

from tests.helpers.clients import Message
from tests.helpers.world import World

TEXTS: dict[str, Any] = {"message": "Pause", "translations": {"ES": "Pausa", "fr": "Pause café"}}


def operator(world: World, name: str = "olga") -> str:
    return world.connect(name, "operators")


def announced(world: World, connection: str) -> list[str]:
    return [message["message"] for message in world.pushes(connection, "announcement")]


def announce(world: World, connection: str, scope: str = "all", **fields: Any) -> Message:
    reply = world.ask(connection, "announce", scope=scope, **{**TEXTS, **fields})
    assert reply["type"] == "announcement", reply
    return reply


class TestRecipients:
    def test_everybody_connected_in_their_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        spanish = world.listener(session_id, "es")
        german = world.listener(session_id, "de")
        interpreter = world.interpreter(session_id, "fr")
        anonymous = world.connect()

        announce(world, operator(world))

        assert announced(world, spanish) == ["Pausa"]
        assert announced(world, interpreter) == ["Pause café"]
        for connection in (speaker, german, anonymous):
            assert announced(world, connection) == ["Pause"]

    def test_the_message(self, world: World) -> None:
        _, session_id = world.create_session()
        spanish, german = world.listener(session_id, "es"), world.listener(session_id, "de")

        reply = announce(world, operator(world), messageType="alert")

        expected = {
            "type": "announcement",
            "announcementId": reply["announcementId"],
            "scope": "all",
            "messageType": "alert",
            "createdAt": world.clock.now_ms(),
        }
        assert world.pushes(german, "announcement") == [{**expected, "message": "Pause"}]
        assert world.pushes(spanish, "announcement") == [
            {**expected, "message": "Pausa", "language": "es"}
        ]

    def test_the_announcer_gets_only_the_reply(self, world: World) -> None:
        announcer = operator(world)

        reply = announce(world, announcer)

        assert reply["message"] == "Pause"
        assert world.pushes(announcer) == []

    def test_only_members_of_the_session(self, world: World) -> None:
        speaker, session_id = world.create_session()
        _, other_id = world.create_session()
        listener, elsewhere = world.listener(session_id), world.listener(other_id)
        interpreter = world.interpreter(session_id, "fr")
        nowhere = world.connect()

        reply = announce(world, speaker, "session")

        assert reply["sessionId"] == session_id
        assert announced(world, listener) == ["Pausa"]
        assert announced(world, interpreter) == ["Pause café"]
        assert announced(world, elsewhere) == announced(world, nowhere) == []

    def test_a_large_audience_is_sharded(self, world: World) -> None:
        audience = [world.connect() for _ in range(25)]

        reply = announce(world, operator(world))

        assert all(announced(world, reader) == ["Pause"] for reader in audience)
        assert reply["coverage"]["delivered"] == 25
        assert [len(shard["connectionIds"]) for shard in world.shards] == [9, 8, 8]

    def test_gone_connections_are_removed_and_do_not_affect_others(self, world: World) -> None:
        _, session_id = world.create_session()
        gone, there = world.listener(session_id), world.listener(session_id)
        world.sender.gone.add(gone)

        announce(world, operator(world))

        assert announced(world, there) == ["Pausa"]
        assert world.connections.get(gone) is None
        assert world.session(session_id).listener_count == 1

    def test_a_connection_in_its_handshake_is_kept_and_reached_later(self, world: World) -> None:
        reader = world.connect()
        world.sender.gone.add(reader)  # API Gateway's answer until $connect has returned

        announce(world, operator(world))
        world.sender.gone.remove(reader)
        world.fire_announcement_timers()

        assert announced(world, reader) == ["Pause"]
        assert world.ask(reader, "getActiveAnnouncement")["message"] == "Pause"

    def test_an_older_gone_connection_is_removed(self, world: World) -> None:
        reader = world.connect()
        world.clock.advance(60_000)
        world.sender.gone.add(reader)

        announce(world, operator(world))

        assert world.connections.get(reader) is None

    def test_texts_arrive_unchanged(self, world: World) -> None:
        reader = world.connect()
        text = '<script>alert("x")</script>\u0000\u001b[31m \u202e{{x}} %s &amp; \U0001f600'

        announce(world, operator(world), message=f"\ufeff \t{text}\u2028", translations=None)

        assert announced(world, reader) == [text]


class TestOneAtATime:
    def test_an_announcement_replaces_its_predecessor(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer)
        second = announce(world, announcer, message="Go on", translations={})

        assert announced(world, reader) == ["Pause", "Go on"]
        assert second["createdAt"] > first["createdAt"]  # although the clock stood still
        active = world.ask(reader, "getActiveAnnouncement")
        assert active["announcementId"] == second["announcementId"]

    def test_the_time_increases_even_if_the_clock_goes_back(self, world: World) -> None:
        announcer = operator(world)
        first = announce(world, announcer)
        world.clock.advance(-5000)

        assert announce(world, announcer)["createdAt"] == first["createdAt"] + 1

    def test_each_scope_has_its_own_announcement(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener = world.listener(session_id)
        to_all = announce(world, operator(world))
        world.clock.advance(1)
        to_session = announce(world, speaker, "session")

        for scope, expected in (("all", to_all), ("session", to_session), (None, to_session)):
            asked = {} if scope is None else {"scope": scope}
            active = world.ask(listener, "getActiveAnnouncement", **asked)
            assert active["announcementId"] == expected["announcementId"]

    def test_expires_after_thirty_days(self, world: World) -> None:
        announce(world, operator(world))
        world.clock.advance(30 * 24 * 3600 * 1000)

        active = world.ask(world.connect(), "getActiveAnnouncement")

        assert active["announcementId"] is None


class TestClearing:
    def test_everyone_but_the_caller_is_notified(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        made = announce(world, announcer)

        reply = world.ask(announcer, "clearAnnouncement", scope="all", requestId="r")

        cleared = {
            "type": "announcementCleared",
            "announcementId": made["announcementId"],
            "scope": "all",
            "createdAt": made["createdAt"],
        }
        assert reply == {**cleared, "requestId": "r"}
        assert world.pushes(reader, "announcementCleared") == [cleared]
        assert world.pushes(announcer) == []
        assert world.ask(reader, "getActiveAnnouncement")["announcementId"] is None

    def test_nobody_is_notified_if_none_is_active(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()

        for _ in range(2):
            reply = world.ask(announcer, "clearAnnouncement", scope="all")
            assert reply == {"type": "announcementCleared", "announcementId": None, "scope": "all"}
            announce(world, announcer)
            world.ask(announcer, "clearAnnouncement", scope="all")

        assert len(world.pushes(reader, "announcementCleared")) == 2

    def test_clears_a_sessions_announcement(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener, nowhere = world.listener(session_id), world.connect()
        made = announce(world, speaker, "session")

        reply = world.ask(speaker, "clearAnnouncement", scope="session")

        assert (reply["announcementId"], reply["sessionId"]) == (
            made["announcementId"],
            session_id,
        )
        assert len(world.pushes(listener, "announcementCleared")) == 1
        assert world.pushes(nowhere) == []

    def test_the_next_announcement_has_a_later_time(self, world: World) -> None:
        announcer = operator(world)
        first = announce(world, announcer)
        world.ask(announcer, "clearAnnouncement", scope="all")

        assert announce(world, announcer)["createdAt"] > first["createdAt"]


class TestIdempotencyKeys:
    def test_a_key_announces_once(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer, idempotencyKey="k")
        world.clock.advance(1000)

        again = announce(world, announcer, idempotencyKey="k", message="other")

        assert again == first
        assert announced(world, reader) == ["Pause"]

    def test_a_key_announces_once_even_if_replaced_meanwhile(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer, idempotencyKey="k")
        announce(world, announcer, message="Later")

        again = announce(world, announcer, idempotencyKey="k")

        assert again["announcementId"] == first["announcementId"]
        assert announced(world, reader) == ["Pause", "Later"]
        assert world.ask(reader, "getActiveAnnouncement")["message"] == "Later"

    def test_keys_of_different_authors_are_independent(self, world: World) -> None:
        reader = world.connect()
        announce(world, operator(world, "olga"), idempotencyKey="k")
        announce(world, operator(world, "oscar"), idempotencyKey="k")

        assert announced(world, reader) == ["Pause", "Pause"]

    def test_keys_of_different_scopes_are_independent(self, world: World) -> None:
        speaker = world.connect("alice", "speakers", "operators")
        created = world.ask(speaker, "createSession", sourceLanguage="en")
        listener = world.listener(created["sessionId"])
        announce(world, speaker, "session", idempotencyKey="k")
        announce(world, speaker, "all", idempotencyKey="k")

        assert announced(world, listener) == ["Pausa", "Pausa"]

    def test_a_key_is_free_again_after_a_day(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        announce(world, announcer, idempotencyKey="k")
        world.clock.advance(24 * 3600 * 1000)
        announce(world, announcer, idempotencyKey="k")

        assert announced(world, reader) == ["Pause", "Pause"]
