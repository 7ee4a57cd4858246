"""sendCaption: delivery and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from shared.models.delivery import Outcome
from tests.helpers.clients import Message
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World


def read(world: World, connection: str) -> list[tuple[str, str]]:
    return [(m["language"], m["text"]) for m in world.pushes(connection, "caption")]


def errors(world: World, connection: str) -> list[str]:
    return [message["code"] for message in world.pushes(connection, "error")]


def error(world: World, connection: str) -> Message:
    [message] = world.pushes(connection, "error")
    return message


def machine(world: World, session_id: str, language: str = "es") -> str:
    return world.interpreter(session_id, language, "robot", source="machine")


class TestAudience:
    """A caption goes to the audience of its audio."""

    def test_a_translation_reaches_only_listeners_of_its_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        interpreter = world.interpreter(session_id, "es")
        spanish, french = world.listener(session_id, "es"), world.listener(session_id, "fr")

        world.send_caption(interpreter, "Hola.")

        assert read(world, spanish) == [("es", "Hola.")]
        for other in (french, speaker, interpreter):
            assert read(world, other) == []

    def test_it_arrives_unchanged_with_the_epoch_of_its_channel(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id, "es")
        world.disconnect(world.interpreter(session_id, "es"))
        second = world.interpreter(session_id, "es")

        world.send_caption(
            second, " Hola,\nmundo. ", final=False, timestamp=5, endTimestamp=5, spoken=False
        )

        assert world.pushes(listener, "caption") == [
            {
                "type": "caption",
                "sessionId": session_id,
                "language": "es",
                "text": "Hola,\nmundo.",
                "final": False,
                "epoch": 2,
                "timestamp": 5,
                "endTimestamp": 5,
                "spoken": False,
            }
        ]
        assert errors(world, second) == []

    def test_floor_captions_reach_the_floors_audience_but_not_the_sender(
        self, world: World
    ) -> None:
        speaker, session_id = world.create_session()
        captioner = machine(world, session_id, "es")
        colleague = world.interpreter(session_id, "fr")
        hears_floor = [world.listener(session_id, "en"), world.listener(session_id, "de")]
        spanish = world.listener(session_id, "es")

        world.send_caption(captioner, "Good morning.", language="EN")

        for reader in (*hears_floor, colleague):
            assert read(world, reader) == [("en", "Good morning.")]
        for other in (captioner, spanish, speaker):
            assert read(world, other) == []

    def test_floor_captions_have_the_epoch_of_the_floor(self, world: World) -> None:
        _, session_id = world.create_session()
        newer = world.connect("alice", "speakers")
        world.ask(newer, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")
        world.disconnect(machine(world, session_id, "es"))
        world.disconnect(machine(world, session_id, "es"))
        captioner = machine(world, session_id, "es")
        listener = world.listener(session_id, "en")

        world.send_caption(captioner, "Hello.", language="en")
        world.send_caption(captioner, "Hola.")

        assert [m["epoch"] for m in world.pushes(listener, "caption")] == [2]

    def test_captions_reach_the_audience_of_the_audio_but_not_the_sender(
        self, world: World
    ) -> None:
        speaker, session_id = world.create_session()
        spanish, french = machine(world, session_id, "es"), world.interpreter(session_id, "fr")
        waiting = world.interpreter(session_id, "es", "ivan", standby=True)
        listeners = [
            world.listener(session_id, language) for language in ("en", "es", "fr", "de", "es-mx")
        ]
        world.send_audio(speaker)
        for interpreter in (spanish, french):
            world.send_audio(interpreter)
            world.send_caption(interpreter)
        world.send_caption(spanish, language="en")

        for member in (speaker, spanish, french, waiting, *listeners):
            hears = {m["language"] for m in world.pushes(member, "audio")}
            reads = {m["language"] for m in world.pushes(member, "caption")}
            assert reads == hears - ({"en"} if member == spanish else set())
        assert {m["language"] for m in world.pushes(waiting, "caption")} == {"en"}

    def test_a_large_audience_is_sharded_as_for_audio(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id, "es")
        listeners = [world.listener(session_id, "es") for _ in range(25)]

        world.send_caption(interpreter)

        assert {tuple(read(world, listener)) for listener in listeners} == {(("es", "Hola."),)}
        assert len(world.shards) > 1
        assert world.telemetry.counts["CaptionsDelivered"] == 25

    def test_only_one_machine_captions_the_floor(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id, "en")
        human = world.interpreter(session_id, "ca")
        second, first = machine(world, session_id, "fr"), machine(world, session_id, "es")

        for captioner in (first, second):
            world.send_caption(captioner, f"of {captioner}", language="en")
        assert read(world, listener) == [("en", f"of {first}")]
        assert errors(world, second) == []

        world.disconnect(first)
        world.clock.advance(2000)
        world.send_caption(second, "of the next", language="en")
        assert read(world, listener)[1:] == [("en", "of the next")]
        world.send_caption(human, "of a human", language="en")
        assert errors(world, human) == ["FORBIDDEN"]


class TestRefusals:
    """Errors are pushed to the sender; nothing is delivered."""

    @pytest.mark.parametrize(
        ("fields", "code", "named"),
        [
            ({"text": ""}, "INVALID_CAPTION", "text: empty"),
            ({"text": " \n\u2003"}, "INVALID_CAPTION", "text: empty"),
            ({"text": "x" * 1001}, "INVALID_CAPTION", "text: 1001 characters"),
            ({"text": "a\x1b[2Jb"}, "INVALID_CAPTION", "text: control character U+001B"),
            ({"text": "a\tb"}, "INVALID_CAPTION", "text: control character U+0009"),
            ({"text": "a\x9bb"}, "INVALID_CAPTION", "text: control character U+009B"),
            ({"timestamp": 9, "endTimestamp": 8}, "INVALID_CAPTION", "endTimestamp:"),
            ({"text": 7}, "INVALID_MESSAGE", "text:"),
            ({"final": "yes"}, "INVALID_MESSAGE", "final:"),
            ({"timestamp": -1}, "INVALID_MESSAGE", "timestamp:"),
            ({"endTimestamp": None}, "INVALID_MESSAGE", "endTimestamp:"),
            ({"spoken": 1}, "INVALID_MESSAGE", "spoken:"),
            ({"language": "spanish"}, "INVALID_LANGUAGE", "language:"),
            ({"language": ""}, "INVALID_LANGUAGE", "language:"),
            ({"text": "ñ" * 2500}, "MESSAGE_TOO_LARGE", "message:"),
        ],
    )
    def test_invalid_values_are_refused(
        self, world: World, fields: dict[str, Any], code: str, named: str
    ) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)

        world.send_caption(interpreter, **{"requestId": "r", **fields})

        refused = error(world, interpreter)
        assert refused["code"] == code
        assert refused["message"].startswith(named)
        if code != "MESSAGE_TOO_LARGE":
            assert (refused["action"], refused["requestId"]) == ("sendCaption", "r")
        assert read(world, listener) == []

    def test_a_thousand_characters_of_any_unicode_plane_are_accepted(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)
        # In UTF-8. JSON escapes take 12 bytes for one of these characters.
        text = "é" * 999 + "😀"
        body = (
            '{"action": "sendCaption", "final": true, "timestamp": 1, "endTimestamp": 2,'
            f' "text": "{text}"}}'
        )

        world.send_text(interpreter, "sendCaption", body)

        assert read(world, listener) == [("es", text)]

    def test_only_interpreters_may_send_captions(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener, outsider = world.listener(session_id), world.connect()

        for sender in (speaker, listener, outsider):
            world.send_caption(sender)
        world.send_caption("unknown")

        assert errors(world, speaker) == errors(world, listener) == ["FORBIDDEN"]
        assert errors(world, outsider) == ["NOT_IN_SESSION"]
        assert errors(world, "unknown") == ["CONNECTION_NOT_FOUND"]
        assert read(world, listener) == []

    def test_captions_in_another_language_are_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        spanish, french = world.interpreter(session_id, "es"), world.listener(session_id, "fr")

        world.send_caption(spanish, language="fr")

        assert error(world, spanish)["message"] == ("sendCaption: only the interpreter of fr may")
        assert read(world, french) == []

    def test_a_standby_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        world.interpreter(session_id)
        waiting = world.interpreter(session_id, "es", "ivan", standby=True)

        world.send_caption(waiting)

        assert errors(world, waiting) == ["FORBIDDEN"]
        assert read(world, listener) == []

    def test_an_interpreter_who_was_taken_over_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        former = world.interpreter(session_id)
        present = world.interpreter(session_id, "es", "ivan", standby=True)
        world.send_caption(former, "of the first")
        world.ask(present, "takeOver")

        for sender in (former, present):
            world.send_caption(sender, "of the second")

        assert errors(world, former) == ["FORBIDDEN"]
        texts = [(m["text"], m["epoch"]) for m in world.pushes(listener, "caption")]
        assert texts == [("of the first", 1), ("of the second", 2)]

    def test_an_interpreter_whose_lease_expired_is_refused(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener = world.listener(session_id)
        stalled = machine(world, session_id)
        world.clock.advance(3_000)
        world.send_audio(speaker, 0)

        world.send_caption(stalled)
        world.send_caption(stalled, "Hello.", language="en")

        assert errors(world, stalled) == ["FORBIDDEN", "FORBIDDEN"]
        assert read(world, listener) == []

    def test_an_interpreter_who_lost_the_language_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        former = world.interpreter(session_id)
        world.send_caption(former, "first")
        world.ask(former, "leaveSession")
        world.interpreter(session_id)

        world.send_caption(former, "second")

        assert errors(world, former) == ["NOT_IN_SESSION"]
        assert read(world, listener) == [("es", "first")]


class TestGates:
    """Dropped captions, deadlines and the rate limit."""

    def test_captions_are_dropped_while_the_session_does_not_broadcast(self, world: World) -> None:
        speaker, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)

        for stop, resume in (
            ("pauseBroadcast", "resumeBroadcast"),
            ("muteBroadcast", "unmuteBroadcast"),
        ):
            world.ask(speaker, stop)
            world.send_caption(interpreter, f"during {stop}")
            arrived = world.clock.now_ms()
            world.clock.advance(100)
            world.ask(speaker, resume)
            world.send_caption(interpreter, f"of before {resume}", arrived_at=arrived)
            world.send_caption(interpreter, f"after {resume}")
        world.ask(speaker, "endSession")
        world.send_caption(interpreter, "after the end")

        assert read(world, listener) == [
            ("es", "after resumeBroadcast"),
            ("es", "after unmuteBroadcast"),
        ]
        assert errors(world, interpreter) == []

    def test_the_limit_is_ten_a_second_with_bursts_of_twenty(self, world: World) -> None:
        _, session_id = world.create_session()
        spanish, french = world.interpreter(session_id, "es"), world.interpreter(session_id, "fr")
        listener = world.listener(session_id, "es")

        for _ in range(21):
            world.send_caption(spanish)
        world.send_caption(french)

        assert len(read(world, listener)) == 20
        refused = error(world, spanish)
        assert (refused["status"], refused["retryable"]) == (429, True)
        assert errors(world, french) == []
        world.clock.advance(100)
        world.send_caption(spanish, "again")
        assert read(world, listener)[-1] == ("es", "again")

    def test_captions_do_not_count_towards_the_audio_limit(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)

        for seq in range(20):
            world.send_caption(interpreter)
            if seq < 11:
                world.send_audio(interpreter, seq)

        assert len(world.pushes(listener, "audio")) == 11
        assert len(read(world, listener)) == 20

    def test_partial_captions_have_a_chunks_deadline_and_final_ones_five_seconds(
        self, world: World
    ) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        world.listener(session_id)

        deadlines = []
        for final in (False, True):
            world.send_caption(interpreter, final=final)
            deadlines.append(world.sender.posts[-1].deadline_at - world.clock.now_ms())

        assert deadlines == [400, 5000]


class TestCost:
    """A caption costs one strongly consistent read, like a chunk."""

    def test_a_caption_costs_one_read_of_the_session(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        world.listener(session_id)
        counting = CountingClient()
        world.use_dynamodb(counting)
        world.send_caption(interpreter)
        counting.requests.clear()

        world.send_caption(interpreter)

        assert counting.requests == {"get_item": 1}


class TestTrouble:
    """Failures of captions are isolated."""

    def test_a_gone_listener_is_removed_without_affecting_others(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        gone, stayer = world.listener(session_id), world.listener(session_id)
        world.sender.gone.add(gone)

        world.send_caption(interpreter)

        assert read(world, stayer) == [("es", "Hola.")]
        assert world.connections.get(gone) is None
        assert errors(world, interpreter) == []

    def test_a_failed_caption_does_not_affect_audio(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)
        world.sender.script(listener, Outcome.FAILED, Outcome.SENT)

        world.send_caption(interpreter)
        world.send_audio(interpreter, 0)

        assert errors(world, interpreter) == []
        assert [m["seq"] for m in world.pushes(listener, "audio")] == [0]

    def test_they_have_their_own_metrics(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        listeners = [world.listener(session_id) for _ in range(3)]
        world.sender.script(listeners[0], Outcome.DROPPED)
        world.sender.script(listeners[1], Outcome.FAILED)
        before = dict(world.telemetry.counts)
        world.telemetry.durations.clear()

        world.send_caption(interpreter)

        counted = {
            name: count - before.get(name, 0)
            for name, count in world.telemetry.counts.items()
            if count != before.get(name, 0)
        }
        assert counted == {"CaptionsDelivered": 1, "CaptionsDropped": 1, "CaptionsFailed": 1}
        assert world.telemetry.durations == ["CaptionDuration"]

    def test_captions_count_as_activity(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        world.clock.advance(30_000)

        world.send_caption(interpreter)

        stored = world.connections.get(interpreter)
        assert stored is not None
        assert stored.last_activity_time == world.clock.now_ms()
