"""A machine in a session: languages served, speech, captions, and its end."""

from __future__ import annotations

import pytest

from client.errors import RequestRefusedError
from client.protocol.events import Notification
from interpreter.engine import EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.scripted import Fault, ScriptedEngine
from interpreter.machine.report import LeaseChanged, RecognitionSwitched, SeatLeft, SentenceSpoken
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import AudioFormatHint
from tests.unit.interpreter.machine.fake_session import CONNECTION_LOST, LOUD, QUIET, refused
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, is_hum, machine_world


async def test_a_sentence_is_spoken_and_captioned_in_another_language() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 2}
        await world.start(world.machine())
        await world.speak_sentence()
        await world.time.advance(2)
    heard = world.sent()
    assert len(heard) == SHORT_CHUNKS
    assert all(is_hum(chunk) for chunk in heard)
    assert {len(chunk.audio) for chunk in heard} == {6_400}, "full chunks, the last one padded"
    assert [chunk.seq for chunk in heard] == [0, 1, 2]
    first = heard[0].timestamp
    assert [chunk.timestamp for chunk in heard] == [first, first + 200, first + 400]
    assert world.captions() == ["[es] alpha"]
    assert world.captions("en") == ["alpha"]
    assert world.captions("en", final=False) == ["alpha"], (
        "unchanged partial results are not repeated"
    )


async def test_chunks_carry_their_floor_interval_and_latencies() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        started = world.time.now_ms()
        await world.speak_sentence()
        await world.time.advance(2)
    (renders,) = {chunk.renders for chunk in world.sent()}
    assert renders is not None
    assert (renders.timestamp, renders.end_timestamp) == (started, started + 1_000)
    # The recogniser needs 300 ms of silence, so the result comes with the chunk ending at 1 400 ms.
    assert (renders.recognise_ms, renders.translate_ms, renders.speak_ms) == (400, 0, 0)
    assert world.sent()[0].at_ms == pytest.approx(
        started + 1_400 - world.time.now_ms() + world.time.ms
    )
    assert machine.report.sentences == 1
    report = machine.report.to_dict()
    assert report["languages"]["es"]["spoken"] == 1
    assert report["latencies"]["total"]["p50"] == 400
    assert SentenceSpoken("es", renders) in world.news


async def test_longer_chunks_are_sent_on_request() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        await world.start(world.machine())
        (seat,) = [seat for seat in world.session.seats if seat.language == "es"]
        seat.push(Notification(AudioFormatHint(session_id="golden-eagle-427", chunk_ms=400)))
        await world.speak_sentence()
        await world.time.advance(2)
    first, second = world.sent()
    assert (first.seq, len(first.audio), first.chunk_ms) == (0, 12_800, 400)
    assert (second.seq, len(second.audio), second.chunk_ms) == (1, 6_400, None)
    assert second.timestamp == first.timestamp + 400
    assert second.at_ms == first.at_ms + 200


async def test_without_listeners_nothing_is_recognised() -> None:
    async with machine_world() as world:
        await world.start(world.machine())
        await world.speak_sentence()
        assert (world.session.seats, world.engine.calls["recognise"]) == ([], 0)


async def test_seats_follow_the_listeners() -> None:
    async with machine_world() as world:
        machine = world.machine()
        await world.start(machine)
        world.session.distribution = {"es": 1}
        await world.time.advance(1)
        assert machine.holds == {"es"}
        world.session.distribution = {"es": 1, "ca": 3, "en": 5, "zh": 1, "unknown": 2}
        await world.time.advance(1)
        assert machine.holds == {"es", "ca"}, "neither the floor language nor unsupported ones"
        assert world.engine.open_recognisers == 1, "one for all languages"
        world.session.distribution = {"ca": 1}
        await world.time.advance(8)
        assert machine.holds == {"es", "ca"}
        await world.time.advance(5)
        assert machine.holds == {"ca"}
        world.session.distribution = {}
        await world.time.advance(13)
        assert machine.holds == frozenset()
        assert world.engine.open_recognisers == 0
        world.session.distribution = {"es": 1}
        await world.time.advance(3)
        assert machine.holds == {"es"}
    assert SeatLeft("ca") in world.news
    assert [it.on for it in world.news if isinstance(it, RecognitionSwitched)] == [
        True,
        False,
        True,
    ]


async def test_only_configured_languages_are_served() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1, "fr": 1}
        machine = world.machine(languages=("ca", "es"))
        await world.start(machine)
        await world.time.advance(2)
        assert machine.holds == {"ca", "es"}


async def test_one_recogniser_serves_all_languages() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1}
        await world.start(world.machine())
        await world.time.advance(2)
        await world.speak_sentence()
        await world.time.advance(2)
    assert (len(world.sent("es")), len(world.sent("ca"))) == (SHORT_CHUNKS, SHORT_CHUNKS)
    assert world.captions("en") == ["alpha"], "sent once, by one seat"
    assert sorted(world.captions()) == ["[ca] alpha", "[es] alpha"]


async def test_while_a_person_interprets_the_machine_stands_by() -> None:
    async with machine_world() as world:
        world.session.holders["es"] = None
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence()
        assert not machine.holds
        assert machine.standby_languages == {"es"}
        assert (world.sent(), world.session.captions, world.engine.open_recognisers) == ([], [], 0)
        world.session.release("es")
        await world.time.settle()
        assert machine.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
        assert len(world.sent()) == SHORT_CHUNKS
    assert LeaseChanged("es", True, "promoted") in world.news


async def test_speech_stops_when_a_person_takes_over() -> None:
    async with machine_world(ScriptedEngine(["a long sentence, which takes its time"])) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence()
        await world.time.advance(0.2)
        started = len(world.sent())
        assert started >= 1
        world.session.grant("es", None, "takenOver")
        await world.speak_sentence(2)
        await world.time.advance(5)
        assert len(world.sent()) == started, "stopped in mid-sentence"
        assert world.session.refused_chunks == 0
        assert machine.report.language("es").unspoken == {"turn": 1}
        # When the person is gone, it continues with new sentences.
        world.session.release("es")
        await world.speak_sentence()
        await world.time.advance(4)
        assert len(world.sent()) > started
    assert machine.report.language("es").spoken == 1
    assert world.lease_changes()[:3] == [("es", True), ("es", False), ("es", True)]


async def test_a_refused_chunk_stops_speech_when_the_lease_notification_is_lost() -> None:
    async with machine_world(ScriptedEngine(["a long sentence, which takes its time"])) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        seat = world.session.seats[0]
        await world.speak_sentence()
        await world.time.advance(0.3)
        started = len(world.sent())
        world.session.holders["es"] = None  # without a notification
        await world.time.advance(5)
        assert len(world.sent()) == started
        assert world.session.refused_chunks == 1
        assert machine.report.language("es").refused_chunks == 1
        seat.notify_lease("expired")
        await world.time.settle()
        assert machine.holds == frozenset()


async def test_of_two_machines_only_one_speaks() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        first = world.machine()
        second = world.machine(engine=ScriptedEngine(["zulu"]))
        running = await world.start(first)
        await world.start(second)
        await world.time.advance(1)
        assert first.holds == {"es"}
        assert second.standby_languages == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
        assert world.captions() == ["[es] alpha"]
        await world.kill(running)
        assert second.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert world.captions() == ["[es] alpha", "[es] zulu"]
    assert {chunk.epoch for chunk in world.sent()} == {1, 2}


async def test_nothing_is_spoken_during_a_pause() -> None:
    async with machine_world(
        ScriptedEngine(["a long sentence, which takes its time", "alpha"])
    ) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence()
        world.session.pause(paused=True)
        await world.time.settle()
        started = len(world.sent())
        await world.time.advance(10)
        assert len(world.sent()) == started
        world.session.pause(paused=False)
        await world.speak_sentence()
        await world.time.advance(2)
        assert len(world.sent()) == started + SHORT_CHUNKS
    assert machine.report.language("es").unspoken == {"held": 1}


async def test_an_utterance_ended_by_a_pause_is_skipped() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.session.speak((LOUD, 1.0))
        world.session.pause(paused=True)
        await world.time.advance(3)
    assert world.captions("en") == ["alpha"]
    assert world.sent() == []
    assert machine.report.language("es").unspoken == {"held": 1}


async def test_the_last_sentence_is_interpreted_when_audio_stops() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        await world.start(world.machine())
        await world.session.speak((LOUD, 1.0))
        await world.time.advance(2)
        assert world.captions() == ["[es] alpha"]
        await world.time.advance(10)
        await world.speak_sentence()
        await world.time.advance(1)
    assert world.captions() == ["[es] alpha", "[es] bravo"]


@pytest.mark.parametrize("ahead_ms", [3_600_000, 20_000, -20_000, -3_600_000])
async def test_a_wrong_speaker_clock_does_not_delay_interpretation(ahead_ms: int) -> None:
    async with machine_world() as world:
        world.session.holders["es"] = None
        world.session.distribution = {"es": 1}
        await world.start(world.machine())
        await world.session.speak((QUIET, 1.0))
        world.session.release("es")
        await world.speak_sentence()
        await world.time.advance(2)
        # The speaker returns on another device.
        world.session.speaker_clock_ahead_ms = ahead_ms
        await world.session.speak((LOUD, 1.0), (QUIET, 0.6), epoch=2)
        await world.time.advance(2)
    assert world.captions() == ["[es] alpha", "[es] bravo"]
    renders = world.sent()[-1].renders
    assert renders is not None
    assert renders.end_timestamp - world.time.now_ms() == pytest.approx(ahead_ms, abs=10_000)
    assert renders.recognise_ms < 1_000
    assert [chunk.seq for chunk in world.sent()] == list(range(2 * SHORT_CHUNKS))


async def test_interpretation_continues_after_a_reconnection() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        seat = world.session.seats[0]
        seat.disconnect()
        await world.time.advance(1)
        assert machine.holds == frozenset()
        seat.reconnect()
        await world.time.advance(1)
        assert machine.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert len(world.sent()) == SHORT_CHUNKS


async def test_a_permanently_lost_seat_is_taken_again() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        world.session.join_faults = [CONNECTION_LOST, refused("UNAVAILABLE", retryable=True)]
        world.session.seats[0].fail(CONNECTION_LOST)
        await world.time.advance(0.5)
        assert machine.holds == frozenset()
        await world.time.advance(5)
        assert machine.holds == {"es"}


async def test_the_machine_survives_a_temporary_outage_only() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        task = await world.start(world.machine())
        world.session.status_faults = [CONNECTION_LOST, refused("UNAVAILABLE", retryable=True)] * 20
        await world.time.advance(100)
        assert not task.done()
        world.session.status_faults = [CONNECTION_LOST] * 500
        await world.time.advance(200)
        assert task.done()
    with pytest.raises(type(CONNECTION_LOST)):
        task.result()


async def test_machine_ends_with_the_session() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        task = await world.start(world.machine())
        world.session.end()
        await world.time.settle()
        assert task.result() == "ended"
        assert world.engine.open_recognisers == 0


async def test_machine_without_seats_ends_with_the_session() -> None:
    async with machine_world() as world:
        task = await world.start(world.machine())
        world.session.over = True
        await world.time.advance(2)
        assert task.result() == "ended"


async def test_machine_gives_up_soon_if_the_service_never_answers() -> None:
    async with machine_world() as world:
        world.session.status_faults = [CONNECTION_LOST] * 500
        task = await world.start(world.machine())
        await world.time.advance(6)
        assert task.done()
    with pytest.raises(type(CONNECTION_LOST)):
        task.result()


@pytest.mark.parametrize("code", ["SESSION_NOT_FOUND", "SESSION_ENDED", "FORBIDDEN"])
async def test_a_refused_session_status_is_an_error(code: str) -> None:
    async with machine_world() as world:
        world.session.status_faults = [refused(code)]
        task = await world.start(world.machine())
        with pytest.raises(RequestRefusedError, match=code):
            task.result()


async def test_a_refused_join_is_an_error() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.session.join_faults = [refused("FORBIDDEN")]
        task = await world.start(world.machine())
        with pytest.raises(RequestRefusedError, match="FORBIDDEN"):
            task.result()


async def test_the_floor_language_is_not_served() -> None:
    async with machine_world() as world:
        world.session.distribution = {"en": 3, "es": 1}
        machine = world.machine(languages=("en", "es"))
        await world.start(machine)
        await world.time.advance(3)
        assert machine.holds == {"es"}


async def test_unsupported_languages_get_no_seat() -> None:
    async with machine_world() as world:
        world.session.distribution = {"ar": 1, "ja": 2}
        machine = world.machine()
        await world.start(machine)
        await world.time.advance(3)
        assert world.session.history == []
        world.session.distribution = {"ar": 1, "es": 1}
        await world.time.advance(2)
        assert machine.holds == {"es"}
    assert world.session.history[0] == ("join", "es")


async def test_non_pcm_audio_is_an_error() -> None:
    async with machine_world(audio_format=AudioFormat(encoding="opus")) as world:
        world.session.distribution = {"es": 1}
        task = await world.start(world.machine())
        with pytest.raises(UnsupportedLanguageError, match="opus"):
            task.result()


async def test_an_unavailable_engine_is_an_error() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("recognise", Fault.UNAVAILABLE)
        task = await world.start(world.machine())
        with pytest.raises(EngineUnavailableError):
            task.result()
        assert world.session.seats == []


async def test_cancelling_the_machine_releases_its_seats() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        task = await world.start(world.machine())
        await world.kill(task)
        assert task.cancelled()
        assert world.session.seats == []
        assert world.engine.open_recognisers == 0
