"""Rollover: a new connection takes over the seat of an expiring one (rule 13)."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.seats import (
    create_session,
    join,
    join_as_interpreter,
    join_as_listener,
    listener_counts,
    received_audio,
    roll_over,
)


class TestListener:
    def test_counters_stay_and_both_connections_get_audio(self, world: World) -> None:
        speaker, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)

        new, reply = roll_over(world, session_id, token, role="listener")
        world.send_audio(speaker, 0)

        assert reply["resumed"] is True
        assert reply["resumeToken"] not in {token, ""}
        assert listener_counts(world, session_id) == (1, {"es": 1})
        assert received_audio(world, old) == received_audio(world, new) == [(1, 0)]

    @pytest.mark.parametrize("twice", [False, True])
    def test_disconnecting_the_old_connection_does_not_count_out(
        self, world: World, twice: bool
    ) -> None:
        _, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)
        new, _ = roll_over(world, session_id, token, role="listener")

        world.disconnect(old)
        if twice:
            world.disconnect(old)
        assert listener_counts(world, session_id) == (1, {"es": 1})
        world.disconnect(new)

        assert listener_counts(world, session_id) == (0, {})

    def test_finding_the_old_connection_gone_does_not_count_out(self, world: World) -> None:
        speaker, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)
        new, _ = roll_over(world, session_id, token, role="listener")
        world.sender.gone.add(old)

        world.send_audio(speaker, 0)

        assert world.connections.get(old) is None
        assert listener_counts(world, session_id) == (1, {"es": 1})
        assert received_audio(world, new) == [(1, 0)]

    def test_a_full_session_allows_rollovers(self, world: World) -> None:
        speaker = world.connect("alice", "speakers")
        created = world.ask(speaker, "createSession", sourceLanguage="en", maxListeners=1)
        _, token = join_as_listener(world, created["sessionId"])

        _, reply = roll_over(world, created["sessionId"], token, role="listener")

        assert reply["resumed"] is True

    def test_the_new_connection_gets_the_present_seat_of_the_old_one(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)
        world.ask(old, "changeLanguage", targetLanguage="fr")

        _, reply = roll_over(world, session_id, token, language="es", role="listener")

        assert (reply["resumed"], reply["targetLanguage"]) == (True, "fr")
        assert listener_counts(world, session_id) == (1, {"fr": 1})

    def test_a_repeated_rollover_gets_the_same_answer_whatever_its_language(
        self, world: World
    ) -> None:
        _, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)
        world.ask(old, "changeLanguage", targetLanguage="fr")
        new, first = roll_over(world, session_id, token, role="listener")

        again = join(world, new, session_id, "es", resumeToken=token)

        assert (again["resumed"], again["targetLanguage"]) == (True, "fr")
        assert again["resumeToken"] != first["resumeToken"]
        assert listener_counts(world, session_id) == (1, {"fr": 1})

    @pytest.mark.parametrize("action", ["changeLanguage", "leaveSession", "joinSession"])
    def test_the_old_connection_gets_connection_not_found(self, world: World, action: str) -> None:
        _, session_id, _ = create_session(world)
        old, token = join_as_listener(world, session_id)
        roll_over(world, session_id, token, role="listener")

        reply = world.ask(old, action, sessionId=session_id, targetLanguage="fr")

        assert reply["code"] == "CONNECTION_NOT_FOUND"
        assert listener_counts(world, session_id) == (1, {"es": 1})

    def test_rollovers_can_be_chained(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        _, token = join_as_listener(world, session_id)
        for _ in range(3):
            _, reply = roll_over(world, session_id, token, role="listener")
            assert reply["resumed"] is True
            token = reply["resumeToken"]
        assert listener_counts(world, session_id) == (1, {"es": 1})

    def test_a_repeated_join_invalidates_the_former_token(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        old, first = join_as_listener(world, session_id)
        second = join(world, old, session_id)["resumeToken"]

        assert roll_over(world, session_id, first, role="listener")[1]["resumed"] is False
        assert roll_over(world, session_id, second, role="listener")[1]["resumed"] is True


class TestSpeaker:
    def test_the_epoch_rises_without_a_notification(self, world: World) -> None:
        old, session_id, token = create_session(world)
        listener, _ = join_as_listener(world, session_id)

        new, reply = roll_over(
            world, session_id, token, "alice", "speakers", language="en", role="speaker"
        )
        world.send_audio(new, 5)
        world.disconnect(old)

        assert (reply["resumed"], reply["epoch"], reply["role"]) == (True, 2, "speaker")
        assert [message["type"] for message in world.pushes(listener)] == ["audio"]
        assert received_audio(world, listener) == [(2, 5)]
        assert world.session(session_id).speaker_connected
        assert world.timers.set_ == []
        assert world.sender.deleted == []

    def test_both_connections_may_send_for_two_seconds(self, world: World) -> None:
        old, session_id, token = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        world.send_audio(old, 0)
        new, _ = roll_over(
            world, session_id, token, "alice", "speakers", language="en", role="speaker"
        )

        world.clock.advance(2_000)
        world.send_audio(old, 1)
        world.send_audio(new, 2)
        world.clock.advance(1)
        world.send_audio(old, 3)
        world.send_audio(new, 4)

        assert received_audio(world, listener) == [(1, 0), (1, 1), (2, 2), (2, 4)]
        assert world.pushes(old, "error")[-1]["code"] == "CONNECTION_NOT_FOUND"

    def test_displacing_the_new_connection_displaces_the_old_one_too(self, world: World) -> None:
        old, session_id, token = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        roll_over(world, session_id, token, "alice", "speakers", language="en", role="speaker")
        join(world, world.connect("alice", "speakers"), session_id, "en", role="speaker")

        world.send_audio(old, 1)

        assert received_audio(world, listener) == []

    def test_the_old_connection_may_not_send_while_the_new_one_is_away(self, world: World) -> None:
        old, session_id, token = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        new, _ = roll_over(
            world, session_id, token, "alice", "speakers", language="en", role="speaker"
        )
        world.disconnect(new)

        world.send_audio(old, 1)

        assert received_audio(world, listener) == []
        assert len(world.pushes(listener, "speakerDisconnected")) == 1

    def test_the_old_connection_cannot_end_the_session(self, world: World) -> None:
        old, session_id, token = create_session(world)
        roll_over(world, session_id, token, "alice", "speakers", language="en", role="speaker")

        assert world.ask(old, "endSession")["code"] == "CONNECTION_NOT_FOUND"
        assert world.session(session_id).is_active

    def test_a_displaced_speakers_token_is_an_ordinary_return(self, world: World) -> None:
        _, session_id, token = create_session(world)
        join(world, world.connect("alice", "speakers"), session_id, "en", role="speaker")

        _, reply = roll_over(
            world, session_id, token, "alice", "speakers", language="en", role="speaker"
        )

        assert (reply["resumed"], reply["epoch"]) == (False, 3)


class TestInterpreter:
    def test_the_channel_passes_with_the_next_epoch(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        old, token = join_as_interpreter(world, session_id)
        told = len(world.pushes(listener, "channelSourceChanged"))

        new, reply = roll_over(world, session_id, token, "ines", "interpreters", role="interpreter")
        world.send_audio(old, 7)
        world.send_audio(new, 8)
        world.disconnect(old)
        world.send_audio(new, 9)

        assert (reply["resumed"], reply["epoch"]) == (True, 2)
        assert received_audio(world, listener) == [(1, 7), (2, 8), (2, 9)]
        assert len(world.pushes(listener, "channelSourceChanged")) == told
        assert world.session(session_id).interpreted() == {"es": "human"}

    def test_the_old_connection_may_send_for_two_seconds(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        old, token = join_as_interpreter(world, session_id)
        roll_over(world, session_id, token, "ines", "interpreters", role="interpreter")

        world.clock.advance(2_000)
        world.send_audio(old, 1)
        world.clock.advance(1)
        world.send_audio(old, 2)

        assert received_audio(world, listener) == [(1, 1)]

    def test_both_connections_hear_the_floor(self, world: World) -> None:
        speaker, session_id, _ = create_session(world)
        old, token = join_as_interpreter(world, session_id)
        new, _ = roll_over(world, session_id, token, "ines", "interpreters", role="interpreter")

        world.send_audio(speaker, 0)

        assert received_audio(world, old) == received_audio(world, new) == [(1, 0)]

    def test_the_old_connection_may_not_send_after_the_new_one_leaves(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        listener, _ = join_as_listener(world, session_id)
        old, token = join_as_interpreter(world, session_id)
        new, _ = roll_over(world, session_id, token, "ines", "interpreters", role="interpreter")
        world.ask(new, "leaveSession")

        world.send_audio(old, 1)

        assert received_audio(world, listener) == []
        assert world.session(session_id).interpreted() == {}


@pytest.mark.parametrize("role", ["listener", "interpreter"])
def test_the_sweep_closes_replaced_connections(world: World, role: str) -> None:
    speaker, session_id, _ = create_session(world)
    who = ("ines", "interpreters") if role == "interpreter" else ()
    old, token = (
        join_as_listener(world, session_id)
        if role == "listener"
        else join_as_interpreter(world, session_id)
    )
    new, _ = roll_over(world, session_id, token, *who, role=role)
    before = listener_counts(world, session_id)
    world.ask(old, "heartbeat")

    world.clock.advance(9_000)
    world.sweep()
    assert world.sender.deleted == []
    world.clock.advance(2_000)
    world.sweep()
    world.disconnect(old)
    world.send_audio(speaker, 0)

    assert world.sender.deleted == [old]
    assert received_audio(world, old) == []
    assert received_audio(world, new) == [(1, 0)]
    assert listener_counts(world, session_id) == before
