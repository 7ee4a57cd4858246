"""Announcements: who makes them, who is told, in which language, and until when."""

from __future__ import annotations

from typing import Any

import pytest

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


class TestWhoIsTold:
    def test_everybody_connected_in_their_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        spanish = world.listener(session_id, "es")
        german = world.listener(session_id, "de")
        interpreter = world.interpreter(session_id, "fr")
        nobody = world.connect()

        announce(world, operator(world))

        assert announced(world, spanish) == ["Pausa"]
        assert announced(world, interpreter) == ["Pause café"]
        for connection in (speaker, german, nobody):
            assert announced(world, connection) == ["Pause"]

    def test_what_they_are_told(self, world: World) -> None:
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

    def test_the_announcer_is_told_once_by_the_reply(self, world: World) -> None:
        announcer = operator(world)

        reply = announce(world, announcer)

        assert reply["message"] == "Pause"
        assert world.pushes(announcer) == []

    def test_a_session_and_nobody_else(self, world: World) -> None:
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

    def test_a_large_crowd_is_dealt_out(self, world: World) -> None:
        crowd = [world.connect() for _ in range(25)]

        reply = announce(world, operator(world))

        assert all(announced(world, reader) == ["Pause"] for reader in crowd)
        assert reply["coverage"]["delivered"] == 25
        assert [len(shard["connectionIds"]) for shard in world.shards] == [9, 8, 8]

    def test_who_is_gone_is_forgotten_and_keeps_nobody(self, world: World) -> None:
        _, session_id = world.create_session()
        gone, there = world.listener(session_id), world.listener(session_id)
        world.sender.gone.add(gone)

        announce(world, operator(world))

        assert announced(world, there) == ["Pausa"]
        assert world.connections.get(gone) is None
        assert world.session(session_id).listener_count == 1

    def test_whose_handshake_is_not_over_stays_and_is_told_after_it(self, world: World) -> None:
        reader = world.connect()
        world.sender.gone.add(reader)  # as API Gateway says until $connect has answered

        announce(world, operator(world))
        world.sender.gone.remove(reader)
        world.ring_announcements()

        assert announced(world, reader) == ["Pause"]
        assert world.ask(reader, "getActiveAnnouncement")["message"] == "Pause"

    def test_who_connected_long_ago_and_is_gone_is_forgotten(self, world: World) -> None:
        reader = world.connect()
        world.clock.advance(60_000)
        world.sender.gone.add(reader)

        announce(world, operator(world))

        assert world.connections.get(reader) is None

    def test_texts_are_data(self, world: World) -> None:
        reader = world.connect()
        text = '<script>alert("x")</script>\u0000\u001b[31m \u202e{{x}} %s &amp; \U0001f600'

        announce(world, operator(world), message=f"\ufeff \t{text}\u2028", translations=None)

        assert announced(world, reader) == [text]


class TestOneAtATime:
    def test_a_new_one_replaces_the_one_before(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer)
        second = announce(world, announcer, message="Go on", translations={})

        assert announced(world, reader) == ["Pause", "Go on"]
        assert second["createdAt"] > first["createdAt"]  # though the clock stood still
        active = world.ask(reader, "getActiveAnnouncement")
        assert active["announcementId"] == second["announcementId"]

    def test_a_clock_that_is_behind_gets_a_later_time_all_the_same(self, world: World) -> None:
        announcer = operator(world)
        first = announce(world, announcer)
        world.clock.advance(-5000)

        assert announce(world, announcer)["createdAt"] == first["createdAt"] + 1

    def test_each_scope_has_its_own(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener = world.listener(session_id)
        to_all = announce(world, operator(world))
        world.clock.advance(1)
        to_session = announce(world, speaker, "session")

        for scope, expected in (("all", to_all), ("session", to_session), (None, to_session)):
            asked = {} if scope is None else {"scope": scope}
            active = world.ask(listener, "getActiveAnnouncement", **asked)
            assert active["announcementId"] == expected["announcementId"]

    def test_it_is_over_after_thirty_days(self, world: World) -> None:
        announce(world, operator(world))
        world.clock.advance(30 * 24 * 3600 * 1000)

        active = world.ask(world.connect(), "getActiveAnnouncement")

        assert active["announcementId"] is None


class TestClearing:
    def test_everybody_is_told_but_for_who_did_it(self, world: World) -> None:
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

    def test_where_there_is_none_nobody_is_told(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()

        for _ in range(2):
            reply = world.ask(announcer, "clearAnnouncement", scope="all")
            assert reply == {"type": "announcementCleared", "announcementId": None, "scope": "all"}
            announce(world, announcer)
            world.ask(announcer, "clearAnnouncement", scope="all")

        assert len(world.pushes(reader, "announcementCleared")) == 2

    def test_a_session(self, world: World) -> None:
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

    def test_what_comes_after_is_later_still(self, world: World) -> None:
        announcer = operator(world)
        first = announce(world, announcer)
        world.ask(announcer, "clearAnnouncement", scope="all")

        assert announce(world, announcer)["createdAt"] > first["createdAt"]


class TestRights:
    @pytest.mark.parametrize("action", ["announce", "clearAnnouncement"])
    @pytest.mark.parametrize(
        ("who", "scope", "code"),
        [
            ("anonymous", "all", "AUTHENTICATION_REQUIRED"),
            ("anonymous", "session", "AUTHENTICATION_REQUIRED"),
            ("listener", "session", "AUTHENTICATION_REQUIRED"),
            ("speaker", "all", "FORBIDDEN"),
            ("interpreter", "all", "FORBIDDEN"),
            ("interpreter", "session", "FORBIDDEN"),
            ("operator listening", "session", "FORBIDDEN"),
            ("operator", "session", "NOT_IN_SESSION"),
        ],
    )
    def test_nobody_without_the_right(
        self, world: World, action: str, who: str, scope: str, code: str
    ) -> None:
        speaker, session_id = world.create_session()
        listening = operator(world, "oscar")
        world.ask(listening, "joinSession", sessionId=session_id, targetLanguage="es")
        connections = {
            "anonymous": world.connect(),
            "listener": world.listener(session_id),
            "speaker": speaker,
            "interpreter": world.interpreter(session_id, "fr"),
            "operator": operator(world),
            "operator listening": listening,
        }
        fields = {"message": "no"} if action == "announce" else {}

        reply = world.ask(connections[who], action, scope=scope, **fields)

        assert (reply["type"], reply.get("code")) == ("error", code)
        assert world.announcement_timers.set_ == []
        assert not any(announced(world, each) for each in connections.values())

    def test_a_speaker_who_is_away_is_none(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.listener(session_id)
        world.ask(speaker, "endSession")

        reply = world.ask(speaker, "announce", scope="session", message="too late")

        assert reply["code"] == "SESSION_ENDED"

    @pytest.mark.parametrize(
        ("fields", "code", "field"),
        [
            ({"message": " \n"}, "INVALID_ANNOUNCEMENT", "message"),
            ({"message": "x" * 281}, "INVALID_ANNOUNCEMENT", "message"),
            ({"message": 7}, "INVALID_MESSAGE", "message"),
            ({"message": "x", "messageType": "party"}, "INVALID_MESSAGE", "messageType"),
            ({"message": "x", "scope": "none"}, "INVALID_MESSAGE", "scope"),
            ({"message": "x", "idempotencyKey": ""}, "INVALID_MESSAGE", "idempotencyKey"),
            (
                {"message": "x", "translations": {"spanish": "x"}},
                "INVALID_LANGUAGE",
                "translations.spanish",
            ),
            (
                {"message": "x", "translations": {"es": "\u3000"}},
                "INVALID_ANNOUNCEMENT",
                "translations.es",
            ),
            ({"message": "x" * 24_600}, "MESSAGE_TOO_LARGE", "message"),
        ],
    )
    def test_values_are_checked_before_rights(
        self, world: World, fields: Message, code: str, field: str
    ) -> None:
        reply = world.ask(world.connect(), "announce", **{"scope": "all", **fields})

        assert reply["code"] == code
        assert reply["message"].startswith(f"{field}:")


class TestAcknowledging:
    def test_it_is_not_shown_again_to_that_user_on_any_connection(self, world: World) -> None:
        made = announce(world, operator(world))
        reader, again = world.connect("rita"), world.connect("rita")
        other = world.connect("otto")

        reply = world.ask(reader, "acknowledgeAnnouncement", announcementId=made["announcementId"])

        assert reply == {
            "type": "announcementAcknowledged",
            "announcementId": made["announcementId"],
        }
        assert world.ask(again, "getActiveAnnouncement")["announcementId"] is None
        assert world.ask(other, "getActiveAnnouncement")["announcementId"] is not None

    def test_who_has_no_token_is_known_by_the_client(self, world: World) -> None:
        made = announce(world, operator(world))
        reader = world.connect(client_id="client-0001")
        world.ask(reader, "acknowledgeAnnouncement", announcementId=made["announcementId"])

        for client_id, shown in (("client-0001", False), ("client-0002", True), (None, True)):
            connection = world.connect(client_id=client_id)
            active = world.ask(connection, "getActiveAnnouncement")
            assert (active["announcementId"] is not None) == shown

    def test_a_repetition_counts_once(self, world: World) -> None:
        announcer, reader = operator(world), world.connect("rita")
        made = announce(world, announcer)
        for connection in (reader, reader, world.connect("rita")):
            reply = world.ask(
                connection, "acknowledgeAnnouncement", announcementId=made["announcementId"]
            )
            assert reply["type"] == "announcementAcknowledged"

        coverage = world.ask(announcer, "getActiveAnnouncement")["coverage"]

        assert (coverage["delivered"], coverage["acknowledged"]) == (1, 1)

    def test_only_what_is_active_where_one_is(self, world: World) -> None:
        announcer = operator(world)
        speaker, session_id = world.create_session()
        _, other_id = world.create_session()
        replaced = announce(world, announcer)
        active = announce(world, announcer)
        in_session = announce(world, speaker, "session")
        listener, elsewhere = world.listener(session_id), world.listener(other_id)

        def code(connection: str, announcement: Message) -> object:
            return world.ask(
                connection,
                "acknowledgeAnnouncement",
                announcementId=announcement["announcementId"],
            ).get("code")

        assert code(listener, replaced) == "ANNOUNCEMENT_NOT_FOUND"
        assert code(elsewhere, in_session) == "ANNOUNCEMENT_NOT_FOUND"
        assert code(listener, {"announcementId": "never"}) == "ANNOUNCEMENT_NOT_FOUND"
        assert code(listener, in_session) is None
        assert code(elsewhere, active) is None
        world.ask(announcer, "clearAnnouncement", scope="all")
        assert code(elsewhere, active) == "ANNOUNCEMENT_NOT_FOUND"

    def test_how_far_it_got_by_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        spanish = [world.listener(session_id, "es") for _ in range(3)]
        world.listener(session_id, "de")
        made = announce(world, speaker, "session")
        for reader in spanish[:2]:
            world.ask(reader, "acknowledgeAnnouncement", announcementId=made["announcementId"])

        active = world.ask(speaker, "getActiveAnnouncement", scope="session")

        assert active["coverage"] == {
            "delivered": 4,
            "acknowledged": 2,
            "languages": {
                "de": {"delivered": 1, "acknowledged": 0},
                "es": {"delivered": 3, "acknowledged": 2},
            },
        }
        assert "coverage" not in world.ask(spanish[2], "getActiveAnnouncement")

    def test_who_may_announce_sees_it_also_when_acknowledged(self, world: World) -> None:
        announcer = operator(world)
        made = announce(world, announcer)
        world.ask(announcer, "acknowledgeAnnouncement", announcementId=made["announcementId"])

        active = world.ask(announcer, "getActiveAnnouncement")

        assert active["announcementId"] == made["announcementId"]
        assert active["coverage"]["languages"] == {"unknown": {"delivered": 0, "acknowledged": 1}}

    def test_a_session_is_needed_to_ask_for_its_announcement(self, world: World) -> None:
        reply = world.ask(world.connect(), "getActiveAnnouncement", scope="session")

        assert reply["code"] == "NOT_IN_SESSION"


class TestRepeating:
    def test_a_key_announces_once(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer, idempotencyKey="k")
        world.clock.advance(1000)

        again = announce(world, announcer, idempotencyKey="k", message="other")

        assert again == first
        assert announced(world, reader) == ["Pause"]

    def test_also_after_it_was_replaced(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        first = announce(world, announcer, idempotencyKey="k")
        announce(world, announcer, message="Later")

        again = announce(world, announcer, idempotencyKey="k")

        assert again["announcementId"] == first["announcementId"]
        assert announced(world, reader) == ["Pause", "Later"]
        assert world.ask(reader, "getActiveAnnouncement")["message"] == "Later"

    def test_keys_are_an_authors_own(self, world: World) -> None:
        reader = world.connect()
        announce(world, operator(world, "olga"), idempotencyKey="k")
        announce(world, operator(world, "oscar"), idempotencyKey="k")

        assert announced(world, reader) == ["Pause", "Pause"]

    def test_a_key_is_free_again_after_a_day(self, world: World) -> None:
        announcer, reader = operator(world), world.connect()
        announce(world, announcer, idempotencyKey="k")
        world.clock.advance(24 * 3600 * 1000)
        announce(world, announcer, idempotencyKey="k")

        assert announced(world, reader) == ["Pause", "Pause"]
