"""sendCaption: recipients, limits, cost and failures."""

from __future__ import annotations

from shared.models.delivery import Outcome
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World
from tests.unit.functions.audio.captions import (
    error_codes,
    join_as_machine,
    only_error,
    received_captions,
)


class TestAudience:
    """A caption goes to the audience of its audio."""

    def test_a_translation_reaches_only_listeners_of_its_language(self, world: World) -> None:
        speaker, session_id = world.create_session()
        interpreter = world.interpreter(session_id, "es")
        spanish, french = world.listener(session_id, "es"), world.listener(session_id, "fr")

        world.send_caption(interpreter, "Hola.")

        assert received_captions(world, spanish) == [("es", "Hola.")]
        for other in (french, speaker, interpreter):
            assert received_captions(world, other) == []

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
        assert error_codes(world, second) == []

    def test_floor_captions_reach_the_floors_audience_but_not_the_sender(
        self, world: World
    ) -> None:
        speaker, session_id = world.create_session()
        captioner = join_as_machine(world, session_id, "es")
        colleague = world.interpreter(session_id, "fr")
        hears_floor = [world.listener(session_id, "en"), world.listener(session_id, "de")]
        spanish = world.listener(session_id, "es")

        world.send_caption(captioner, "Good morning.", language="EN")

        for reader in (*hears_floor, colleague):
            assert received_captions(world, reader) == [("en", "Good morning.")]
        for other in (captioner, spanish, speaker):
            assert received_captions(world, other) == []

    def test_floor_captions_have_the_epoch_of_the_floor(self, world: World) -> None:
        _, session_id = world.create_session()
        newer = world.connect("alice", "speakers")
        world.ask(newer, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker")
        world.disconnect(join_as_machine(world, session_id, "es"))
        world.disconnect(join_as_machine(world, session_id, "es"))
        captioner = join_as_machine(world, session_id, "es")
        listener = world.listener(session_id, "en")

        world.send_caption(captioner, "Hello.", language="en")
        world.send_caption(captioner, "Hola.")

        assert [m["epoch"] for m in world.pushes(listener, "caption")] == [2]

    def test_captions_reach_the_audience_of_the_audio_but_not_the_sender(
        self, world: World
    ) -> None:
        speaker, session_id = world.create_session()
        spanish, french = (
            join_as_machine(world, session_id, "es"),
            world.interpreter(session_id, "fr"),
        )
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

        assert {tuple(received_captions(world, listener)) for listener in listeners} == {
            (("es", "Hola."),)
        }
        assert len(world.shards) > 1
        assert world.telemetry.counts["CaptionsDelivered"] == 25

    def test_only_one_machine_captions_the_floor(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id, "en")
        human = world.interpreter(session_id, "ca")
        second, first = (
            join_as_machine(world, session_id, "fr"),
            join_as_machine(world, session_id, "es"),
        )

        for captioner in (first, second):
            world.send_caption(captioner, f"of {captioner}", language="en")
        assert received_captions(world, listener) == [("en", f"of {first}")]
        assert error_codes(world, second) == []

        world.disconnect(first)
        world.clock.advance(2000)
        world.send_caption(second, "of the next", language="en")
        assert received_captions(world, listener)[1:] == [("en", "of the next")]
        world.send_caption(human, "of a human", language="en")
        assert error_codes(world, human) == ["FORBIDDEN"]


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

        assert received_captions(world, listener) == [
            ("es", "after resumeBroadcast"),
            ("es", "after unmuteBroadcast"),
        ]
        assert error_codes(world, interpreter) == []

    def test_the_limit_is_ten_a_second_with_bursts_of_twenty(self, world: World) -> None:
        _, session_id = world.create_session()
        spanish, french = world.interpreter(session_id, "es"), world.interpreter(session_id, "fr")
        listener = world.listener(session_id, "es")

        for _ in range(21):
            world.send_caption(spanish)
        world.send_caption(french)

        assert len(received_captions(world, listener)) == 20
        refused = only_error(world, spanish)
        assert (refused["status"], refused["retryable"]) == (429, True)
        assert error_codes(world, french) == []
        world.clock.advance(100)
        world.send_caption(spanish, "again")
        assert received_captions(world, listener)[-1] == ("es", "again")

    def test_captions_do_not_count_towards_the_audio_limit(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)

        for seq in range(20):
            world.send_caption(interpreter)
            if seq < 11:
                world.send_audio(interpreter, seq)

        assert len(world.pushes(listener, "audio")) == 11
        assert len(received_captions(world, listener)) == 20

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

    def test_a_caption_costs_one_read(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        world.listener(session_id)
        counting = CountingClient()
        world.use_dynamodb(counting)
        world.send_caption(interpreter)
        counting.requests.clear()

        world.send_caption(interpreter)

        assert counting.requests == {"batch_get_item": 1}


class TestFailures:
    """Failures of captions are isolated."""

    def test_a_gone_listener_is_removed_without_affecting_others(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter = world.interpreter(session_id)
        gone, stayer = world.listener(session_id), world.listener(session_id)
        world.sender.gone.add(gone)

        world.send_caption(interpreter)

        assert received_captions(world, stayer) == [("es", "Hola.")]
        assert world.connections.get(gone) is None
        assert error_codes(world, interpreter) == []

    def test_a_failed_caption_does_not_affect_audio(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)
        world.sender.script(listener, Outcome.FAILED, Outcome.SENT)

        world.send_caption(interpreter)
        world.send_audio(interpreter, 0)

        assert error_codes(world, interpreter) == []
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
