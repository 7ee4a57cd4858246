"""Rights of announcers, validation, and requests of readers."""

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
    def test_callers_without_the_right_are_refused(
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

    def test_a_speaker_cannot_announce_to_an_ended_session(self, world: World) -> None:
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
    def test_fields_are_validated_before_rights(
        self, world: World, fields: Message, code: str, field: str
    ) -> None:
        reply = world.ask(world.connect(), "announce", **{"scope": "all", **fields})

        assert reply["code"] == code
        assert reply["message"].startswith(f"{field}:")


class TestAcknowledging:
    def test_hides_an_announcement_on_all_connections_of_the_user(self, world: World) -> None:
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

    def test_anonymous_readers_are_recognised_by_client_id(self, world: World) -> None:
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

    def test_only_active_announcements_of_the_readers_scopes(self, world: World) -> None:
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

    def test_coverage_by_language(self, world: World) -> None:
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

    def test_announcers_see_it_even_if_acknowledged(self, world: World) -> None:
        announcer = operator(world)
        made = announce(world, announcer)
        world.ask(announcer, "acknowledgeAnnouncement", announcementId=made["announcementId"])

        active = world.ask(announcer, "getActiveAnnouncement")

        assert active["announcementId"] == made["announcementId"]
        assert active["coverage"]["languages"] == {"unknown": {"delivered": 0, "acknowledged": 1}}

    def test_the_scope_session_requires_a_session(self, world: World) -> None:
        reply = world.ask(world.connect(), "getActiveAnnouncement", scope="session")

        assert reply["code"] == "NOT_IN_SESSION"
