"""Session status: queries, content and distribution by language."""

from __future__ import annotations

import json

import pytest

from shared.models.audience_counts import language_distribution
from tests.helpers.audiences import sessions_table, set_audience, statuses
from tests.helpers.clients import Message
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World


class TestHandler:
    """One function with three event sources: a route, a queue and a rule."""

    def test_a_request_is_answered_with_its_id(self, world: World) -> None:
        speaker, session_id = world.create_session()

        reply = world.ask(speaker, "getSessionStatus", requestId="r7")

        assert (reply["type"], reply["requestId"]) == ("sessionStatus", "r7")
        assert reply["sessionId"] == session_id

    def test_the_rule_sends_a_status_to_every_speaker(self, world: World) -> None:
        speaker, _ = world.create_session()

        world.tick()

        assert statuses(world, speaker) == [("periodic", 0)]

    def test_a_queued_tick_does_the_same_as_the_rule(self, world: World) -> None:
        speaker, _ = world.create_session()

        failures = world.fire_status_timers(json.dumps({"type": "statusTick"}))

        assert failures == {"batchItemFailures": []}
        assert statuses(world, speaker) == [("periodic", 0)]

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("{", "INVALID_MESSAGE"),
            ('{"action": "getSessionStatus", "requestId": 7}', "INVALID_MESSAGE"),
            ('{"action": "getStatus"}', "UNKNOWN_ACTION"),
            (
                json.dumps({"action": "getSessionStatus", "requestId": "x" * 5000}),
                "MESSAGE_TOO_LARGE",
            ),
        ],
    )
    def test_an_invalid_request_gets_an_error(self, world: World, text: str, code: str) -> None:
        speaker, _ = world.create_session()

        assert world.ask_text(speaker, text, "session_status")["code"] == code

    def test_an_unknown_queue_message_fails_alone(self, world: World) -> None:
        speaker, _ = world.create_session()

        failures = world.fire_status_timers("{}", json.dumps({"type": "statusTick"}))

        assert failures == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        assert statuses(world, speaker) == [("periodic", 0)]


class TestQuery:
    """Who may query which session."""

    def test_a_listener_is_forbidden(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)

        reply = world.ask(listener, "getSessionStatus")

        assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")
        assert "speaker" in reply["message"]

    def test_a_displaced_speaker_is_forbidden(self, world: World) -> None:
        displaced, session_id = world.create_session()
        newer = world.connect("alice", "speakers")
        world.ask(newer, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")

        assert world.ask(displaced, "getSessionStatus")["status"] == 403
        assert world.ask(newer, "getSessionStatus")["type"] == "sessionStatus"

    def test_an_interpreter_may_query(self, world: World) -> None:
        _, session_id = world.create_session()
        world.listener(session_id, "fr")
        interpreter = world.interpreter(session_id, "es")

        reply = world.ask(interpreter, "getSessionStatus")

        assert (reply["sessionId"], reply["languageDistribution"]) == (session_id, {"fr": 1})
        waiting = world.interpreter(session_id, "es", "ivan", standby=True)
        assert world.ask(waiting, "getSessionStatus")["type"] == "sessionStatus"
        world.ask(interpreter, "leaveSession")
        assert world.ask(interpreter, "getSessionStatus")["code"] == "NOT_IN_SESSION"

    def test_an_unknown_connection_is_not_found(self, world: World) -> None:
        reply = world.ask("nobody", "getSessionStatus")

        assert (reply["status"], reply["code"]) == (404, "CONNECTION_NOT_FOUND")

    def test_an_unknown_session_is_not_found(self, world: World) -> None:
        speaker, session_id = world.create_session()
        sessions_table().delete(session_id)

        reply = world.ask(speaker, "getSessionStatus")

        assert (reply["status"], reply["code"]) == (404, "SESSION_NOT_FOUND")

    def test_an_ended_session_is_gone(self, world: World) -> None:
        speaker, _ = world.create_session()
        world.ask(speaker, "endSession")

        reply = world.ask(speaker, "getSessionStatus")

        assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")

    def test_a_connection_without_session_is_refused(self, world: World) -> None:
        reply = world.ask(world.connect("alice", "speakers"), "getSessionStatus")

        assert (reply["status"], reply["code"]) == (409, "NOT_IN_SESSION")


class TestNamedSession:
    """Interpreters may query a session by ID, without a seat."""

    def named(self, world: World, connection: str, session_id: object) -> Message:
        return world.ask(connection, "getSessionStatus", sessionId=session_id)

    def test_a_permitted_interpreter_may_query(self, world: World) -> None:
        _, open_session = world.create_session()
        _, listed = world.create_session(interpreters=["ivan"])
        ines, ivan = world.connect("ines", "interpreters"), world.connect("ivan")

        assert self.named(world, ines, open_session)["sessionId"] == open_session
        assert self.named(world, ivan, listed)["sessionId"] == listed
        assert self.named(world, ines, listed)["code"] == "FORBIDDEN"
        assert self.named(world, ivan, open_session)["code"] == "FORBIDDEN"

    def test_a_ticket_holder_needs_no_token(self, world: World) -> None:
        interpretation = {"engine": "aws", "languages": ["es"]}
        _, session_id = world.create_session(interpretation=interpretation)
        [event] = world.interpreter_starts.events
        _, another = world.create_session()
        anybody = world.connect()

        def asked(session: str, ticket: str) -> Message:
            return world.ask(anybody, "getSessionStatus", sessionId=session, ticket=ticket)

        assert asked(session_id, event["ticket"])["sessionId"] == session_id
        assert asked(session_id, "another")["code"] == "FORBIDDEN"
        assert asked(another, event["ticket"])["code"] == "FORBIDDEN"
        assert asked("calm-otter-404", event["ticket"])["code"] == "SESSION_NOT_FOUND"

    def test_a_query_takes_no_seat(self, world: World) -> None:
        _, session_id = world.create_session()
        ines = world.connect("ines", "interpreters")

        self.named(world, ines, session_id)

        stored = world.connections.get(ines)
        assert stored is not None
        assert stored.membership is None

    def test_members_who_serve_the_session_need_no_further_right(self, world: World) -> None:
        speaker, session_id = world.create_session(interpreters=["ines"])
        interpreter = world.interpreter(session_id, "es", "ines")

        for connection in (speaker, interpreter):
            assert self.named(world, connection, session_id)["type"] == "sessionStatus"

    def test_a_seat_in_another_session_grants_no_right(self, world: World) -> None:
        _, elsewhere = world.create_session(interpreters=["ivan"])
        _, here = world.create_session()
        speaker, _ = world.create_session()
        ivan = world.interpreter(elsewhere, "es", "ivan")
        listener = world.listener(here)

        assert self.named(world, ivan, here)["type"] == "sessionStatus"  # of the group, too
        assert self.named(world, speaker, here)["code"] == "FORBIDDEN"
        assert self.named(world, listener, here)["code"] == "AUTHENTICATION_REQUIRED"

    def test_checks_come_in_the_protocols_order(self, world: World) -> None:
        speaker, over = world.create_session()
        world.ask(speaker, "endSession")
        anybody, mallory = world.connect(), world.connect("mallory", "speakers")
        ines = world.connect("ines", "interpreters")
        unknown = "calm-otter-404"

        for connection, session_id, status, code in (
            (anybody, "x", 400, "INVALID_SESSION_ID"),
            (anybody, 7, 400, "INVALID_MESSAGE"),
            (anybody, unknown, 401, "AUTHENTICATION_REQUIRED"),
            (mallory, unknown, 403, "FORBIDDEN"),
            (ines, unknown, 404, "SESSION_NOT_FOUND"),
            ("nobody", unknown, 404, "CONNECTION_NOT_FOUND"),
            (mallory, over, 403, "FORBIDDEN"),
            (ines, over, 410, "SESSION_ENDED"),
        ):
            reply = self.named(world, connection, session_id)
            assert (reply["status"], reply["code"]) == (status, code)

    def test_a_query_reads_the_session_once(self, world: World) -> None:
        _, session_id = world.create_session()
        ines = world.connect("ines", "interpreters")
        counting = CountingClient()
        world.use_dynamodb(counting)

        self.named(world, ines, session_id)

        # One of the connection and one of the session.
        assert counting.requests == {"get_item": 2}


class TestGetStatus:
    """Content of the status."""

    def test_the_status_has_exactly_these_fields(self, world: World) -> None:
        speaker, session_id = world.create_session()
        for language in ("es", "es", "fr"):
            world.listener(session_id, language)
        created = world.session(session_id).created_at
        world.clock.advance(90_999)

        reply = world.ask(speaker, "getSessionStatus")

        assert reply == {
            "type": "sessionStatus",
            "sessionId": session_id,
            "listenerCount": 3,
            "languageDistribution": {"es": 2, "fr": 1},
            "sessionDuration": 90,
            "broadcastState": {
                "isActive": True,
                "isPaused": False,
                "isMuted": False,
                "volume": 1.0,
                "lastStateChange": created,
            },
            "timestamp": created + 90_999,
            "updateReason": "requested",
        }

    def test_the_status_lists_interpreted_languages(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.interpreter(session_id, "es")
        world.interpreter(session_id, "fr", source="machine")

        world.tick()

        channels = {"es": "human", "fr": "machine"}
        assert world.ask(speaker, "getSessionStatus")["channels"] == channels
        [pushed] = world.pushes(speaker, "sessionStatus")
        assert pushed["channels"] == channels

    def test_no_listeners(self, world: World) -> None:
        speaker, _ = world.create_session()

        reply = world.ask(speaker, "getSessionStatus")

        assert reply["listenerCount"] == 0
        assert reply["languageDistribution"] == {}
        assert reply["sessionDuration"] == 0

    def test_500_listeners(self, world: World) -> None:
        speaker, session_id = world.create_session()
        set_audience(session_id, {"es": 300, "fr": 150, "de": 50})

        reply = world.ask(speaker, "getSessionStatus")

        assert reply["listenerCount"] == 500
        assert reply["languageDistribution"] == {"es": 300, "fr": 150, "de": 50}

    def test_the_status_follows_joins_changes_leaves_and_drops(self, world: World) -> None:
        speaker, session_id = world.create_session()
        first, second, third = (world.listener(session_id) for _ in range(3))

        world.ask(first, "changeLanguage", targetLanguage="fr")
        world.ask(second, "leaveSession")
        world.disconnect(third)
        world.disconnect(third)

        reply = world.ask(speaker, "getSessionStatus")
        assert (reply["listenerCount"], reply["languageDistribution"]) == (1, {"fr": 1})

    def test_interpreters_and_speaker_are_not_counted(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.interpreter(session_id)

        assert world.ask(speaker, "getSessionStatus")["listenerCount"] == 0

    def test_the_status_has_no_ids_of_connections_or_users(self, world: World) -> None:
        speaker, session_id = world.create_session(interpreters=["ines-4711"])
        others = [world.listener(session_id), world.interpreter(session_id, "es", "ines-4711")]

        text = json.dumps(world.ask(speaker, "getSessionStatus"))

        assert not [name for name in ("alice", "ines-4711") if name in text]
        assert not [name for name in (speaker, *others) if f'"{name}"' in text]

    def test_query_latency_is_measured(self, world: World) -> None:
        speaker, _ = world.create_session()

        world.ask(speaker, "getSessionStatus")

        assert world.telemetry.durations == ["StatusQueryLatency"]


class TestDistribution:
    """Distribution of listeners by language."""

    def test_the_most_listened_to_comes_first(self) -> None:
        assert list(language_distribution({"fr": 1, "de": 3, "es": 3}).items()) == [
            ("de", 3),
            ("es", 3),
            ("fr", 1),
        ]

    def test_languages_without_listeners_are_omitted(self) -> None:
        assert language_distribution({"es": 0, "fr": 2}) == {"fr": 2}

    def test_a_negative_count_is_omitted(self) -> None:
        assert language_distribution({"es": -1, "fr": 2}) == {"fr": 2}

    def test_an_empty_language_counts_as_unknown(self) -> None:
        assert language_distribution({"": 2, "es": 1}) == {"unknown": 2, "es": 1}

    def test_listeners_without_a_language_are_counted_together(self) -> None:
        assert language_distribution({"": 2, "unknown": 3}) == {"unknown": 5}

    def test_a_negative_total_is_reported_as_zero(self, world: World) -> None:
        speaker, session_id = world.create_session()
        set_audience(session_id, {"es": -1})

        reply = world.ask(speaker, "getSessionStatus")

        assert (reply["listenerCount"], reply["languageDistribution"]) == (0, {})

    def test_all_of_the_maximum_languages_are_reported(self, world: World) -> None:
        speaker, session_id = world.create_session()
        counts = {f"x-{number:03d}": number + 1 for number in range(99)}
        set_audience(session_id, counts)

        assert world.ask(speaker, "getSessionStatus")["languageDistribution"] == counts
