"""A machine in a session: whom it serves, what they hear and read, and how it ends."""

from __future__ import annotations

import pytest

from client.errors import RequestRefusedError
from interpreter.engine import EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.scripted import Fault, ScriptedEngine
from interpreter.machine.report import LeaseChanged, RecognitionSwitched, SeatLeft, SentenceSpoken
from shared.models.audio_format import AudioFormat
from tests.unit.interpreter.machine.fake_session import GONE, LOUD, QUIET, refused
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, is_hum, stage


async def test_a_sentence_is_heard_and_read_in_another_language() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 2}
        await on.start(on.machine())
        await on.sentence()
        await on.time.advance(2)
    heard = on.heard()
    assert len(heard) == SHORT_CHUNKS
    assert all(is_hum(chunk) for chunk in heard)
    assert {len(chunk.audio) for chunk in heard} == {6_400}, "full chunks, the last one padded"
    assert [chunk.seq for chunk in heard] == [0, 1, 2]
    first = heard[0].timestamp
    assert [chunk.timestamp for chunk in heard] == [first, first + 200, first + 400]
    assert on.read() == ["[es] alpha"]
    assert on.read("en") == ["alpha"]
    assert on.read("en", final=False) == ["alpha"], "the same words again are no news"


async def test_chunks_say_what_they_render_and_what_that_took() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        begun = on.time.now_ms()
        await on.sentence()
        await on.time.advance(2)
    (renders,) = {chunk.renders for chunk in on.heard()}
    assert renders is not None
    assert (renders.timestamp, renders.end_timestamp) == (begun, begun + 1_000)
    # The recogniser knows after 300 ms of silence, with the chunk that ends at 1 400 ms.
    assert (renders.recognise_ms, renders.translate_ms, renders.speak_ms) == (400, 0, 0)
    assert on.heard()[0].at_ms == pytest.approx(begun + 1_400 - on.time.now_ms() + on.time.ms)
    assert machine.report.sentences == 1
    account = machine.report.to_dict()
    assert account["languages"]["es"]["spoken"] == 1
    assert account["latencies"]["total"]["p50"] == 400
    assert SentenceSpoken("es", renders) in on.news


async def test_nobody_is_recognised_while_nobody_listens() -> None:
    async with stage() as on:
        await on.start(on.machine())
        await on.sentence()
        assert (on.session.seats, on.engine.calls["recognise"]) == ([], 0)


async def test_listeners_who_come_and_go_are_followed() -> None:
    async with stage() as on:
        machine = on.machine()
        await on.start(machine)
        on.session.distribution = {"es": 1}
        await on.time.advance(1)
        assert machine.holds == {"es"}
        on.session.distribution = {"es": 1, "ca": 3, "en": 5, "zh": 1, "unknown": 2}
        await on.time.advance(1)
        assert machine.holds == {"es", "ca"}, "the floor, and what it cannot do, it does not serve"
        assert on.engine.open_recognisers == 1, "one, whatever the number of languages"
        on.session.distribution = {"ca": 1}
        await on.time.advance(8)
        assert machine.holds == {"es", "ca"}
        await on.time.advance(5)
        assert machine.holds == {"ca"}
        on.session.distribution = {}
        await on.time.advance(13)
        assert machine.holds == frozenset()
        assert on.engine.open_recognisers == 0
        on.session.distribution = {"es": 1}
        await on.time.advance(3)
        assert machine.holds == {"es"}
    assert SeatLeft("ca") in on.news
    assert [it.on for it in on.news if isinstance(it, RecognitionSwitched)] == [True, False, True]


async def test_only_what_was_asked_for_is_served() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1, "fr": 1}
        machine = on.machine(languages=("ca", "es"))
        await on.start(machine)
        await on.time.advance(2)
        assert machine.holds == {"ca", "es"}


async def test_one_recogniser_feeds_all_voices() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1}
        await on.start(on.machine())
        await on.time.advance(2)
        await on.sentence()
        await on.time.advance(2)
    assert (len(on.heard("es")), len(on.heard("ca"))) == (SHORT_CHUNKS, SHORT_CHUNKS)
    assert on.read("en") == ["alpha"], "once, by one of the voices"
    assert sorted(on.read()) == ["[ca] alpha", "[es] alpha"]


async def test_where_a_person_is_the_voice_it_waits_in_silence() -> None:
    async with stage() as on:
        on.session.holders["es"] = None
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.sentence()
        assert not machine.holds
        assert machine.standby_languages == {"es"}
        assert (on.heard(), on.session.captions, on.engine.open_recognisers) == ([], [], 0)
        on.session.free("es")
        await on.time.settle()
        assert machine.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
        assert len(on.heard()) == SHORT_CHUNKS
    assert LeaseChanged("es", True, "promoted") in on.news


async def test_a_person_who_takes_over_is_not_talked_over() -> None:
    async with stage(ScriptedEngine(["a long sentence, which takes its time"])) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.sentence()
        await on.time.advance(0.2)
        begun = len(on.heard())
        assert begun >= 1
        on.session.grant("es", None, "takenOver")
        await on.sentence(2)
        await on.time.advance(5)
        assert len(on.heard()) == begun, "in the middle of the sentence"
        assert on.session.refused_chunks == 0
        assert machine.report.language("es").unspoken == {"turn": 1}
        # When the person is lost it goes on with what is said then.
        on.session.free("es")
        await on.sentence()
        await on.time.advance(4)
        assert len(on.heard()) > begun
    assert machine.report.language("es").spoken == 1
    assert on.turns()[:3] == [("es", True), ("es", False), ("es", True)]


async def test_a_refused_chunk_silences_a_machine_that_was_not_told() -> None:
    async with stage(ScriptedEngine(["a long sentence, which takes its time"])) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        seat = on.session.seats[0]
        await on.sentence()
        await on.time.advance(0.3)
        begun = len(on.heard())
        on.session.holders["es"] = None  # and the news of it is lost
        await on.time.advance(5)
        assert len(on.heard()) == begun
        assert on.session.refused_chunks == 1
        assert machine.report.language("es").refused_chunks == 1
        seat.told("expired")
        await on.time.settle()
        assert machine.holds == frozenset()


async def test_two_machines_are_one_voice() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        first = on.machine()
        second = on.machine(engine=ScriptedEngine(["zulu"]))
        running = await on.start(first)
        await on.start(second)
        await on.time.advance(1)
        assert first.holds == {"es"}
        assert second.standby_languages == {"es"}
        await on.sentence()
        await on.time.advance(1)
        assert on.read() == ["[es] alpha"]
        await on.kill(running)
        assert second.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
    assert on.read() == ["[es] alpha", "[es] zulu"]
    assert {chunk.epoch for chunk in on.heard()} == {1, 2}


async def test_paused_nothing_is_said_and_then_it_goes_on() -> None:
    async with stage(ScriptedEngine(["a long sentence, which takes its time", "alpha"])) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.sentence()
        on.session.pause(paused=True)
        await on.time.settle()
        begun = len(on.heard())
        await on.time.advance(10)
        assert len(on.heard()) == begun
        on.session.pause(paused=False)
        await on.sentence()
        await on.time.advance(2)
        assert len(on.heard()) == begun + SHORT_CHUNKS
    assert machine.report.language("es").unspoken == {"held": 1}


async def test_an_utterance_that_a_pause_ends_is_passed_over() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.session.speak((LOUD, 1.0))
        on.session.pause(paused=True)
        await on.time.advance(3)
    assert on.read("en") == ["alpha"]
    assert on.heard() == []
    assert machine.report.language("es").unspoken == {"held": 1}


async def test_a_speaker_who_stops_sending_is_heard_to_the_end() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        await on.start(on.machine())
        await on.session.speak((LOUD, 1.0))
        await on.time.advance(2)
        assert on.read() == ["[es] alpha"]
        await on.time.advance(10)
        await on.sentence()
        await on.time.advance(1)
    assert on.read() == ["[es] alpha", "[es] bravo"]


@pytest.mark.parametrize("ahead_ms", [3_600_000, 20_000, -20_000, -3_600_000])
async def test_a_speaker_whose_clock_is_wrong_is_interpreted_as_fast(ahead_ms: int) -> None:
    async with stage() as on:
        on.session.holders["es"] = None
        on.session.distribution = {"es": 1}
        await on.start(on.machine())
        await on.session.speak((QUIET, 1.0))
        on.session.free("es")
        await on.sentence()
        await on.time.advance(2)
        # They come back on another device.
        on.session.speakers_clock_ms = ahead_ms
        await on.session.speak((LOUD, 1.0), (QUIET, 0.6), epoch=2)
        await on.time.advance(2)
    assert on.read() == ["[es] alpha", "[es] bravo"]
    renders = on.heard()[-1].renders
    assert renders is not None
    assert renders.end_timestamp - on.time.now_ms() == pytest.approx(ahead_ms, abs=10_000)
    assert renders.recognise_ms < 1_000
    assert [chunk.seq for chunk in on.heard()] == list(range(2 * SHORT_CHUNKS))


async def test_a_connection_that_is_lost_and_comes_back_goes_on() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        seat = on.session.seats[0]
        seat.lose()
        await on.time.advance(1)
        assert machine.holds == frozenset()
        seat.back()
        await on.time.advance(1)
        assert machine.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
    assert len(on.heard()) == SHORT_CHUNKS


async def test_a_seat_that_is_lost_for_good_is_taken_again() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        on.session.join_faults = [GONE, refused("UNAVAILABLE", retryable=True)]
        on.session.seats[0].fail(GONE)
        await on.time.advance(0.5)
        assert machine.holds == frozenset()
        await on.time.advance(5)
        assert machine.holds == {"es"}


async def test_the_service_may_be_out_of_reach_for_a_while() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        task = await on.start(on.machine())
        on.session.status_faults = [GONE, refused("UNAVAILABLE", retryable=True)] * 20
        await on.time.advance(100)
        assert not task.done()
        on.session.status_faults = [GONE] * 500
        await on.time.advance(200)
        assert task.done()
    with pytest.raises(type(GONE)):
        task.result()


async def test_it_ends_with_the_session() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        task = await on.start(on.machine())
        on.session.end()
        await on.time.settle()
        assert task.result() == "ended"
        assert on.engine.open_recognisers == 0


async def test_it_ends_with_a_session_in_which_it_sits_nowhere() -> None:
    async with stage() as on:
        task = await on.start(on.machine())
        on.session.over = True
        await on.time.advance(2)
        assert task.result() == "ended"


async def test_a_service_that_was_never_there_is_told_soon() -> None:
    async with stage() as on:
        on.session.status_faults = [GONE] * 500
        task = await on.start(on.machine())
        await on.time.advance(6)
        assert task.done()
    with pytest.raises(type(GONE)):
        task.result()


@pytest.mark.parametrize("code", ["SESSION_NOT_FOUND", "SESSION_ENDED", "FORBIDDEN"])
async def test_a_session_that_it_may_not_see_is_an_error(code: str) -> None:
    async with stage() as on:
        on.session.status_faults = [refused(code)]
        task = await on.start(on.machine())
        with pytest.raises(RequestRefusedError, match=code):
            task.result()


async def test_a_session_that_it_may_not_interpret_is_an_error() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.session.join_faults = [refused("FORBIDDEN")]
        task = await on.start(on.machine())
        with pytest.raises(RequestRefusedError, match="FORBIDDEN"):
            task.result()


async def test_the_floors_own_language_is_found_out() -> None:
    async with stage() as on:
        on.session.distribution = {"en": 3, "es": 1}
        machine = on.machine(languages=("en", "es"))
        await on.start(machine)
        await on.time.advance(3)
        assert machine.holds == {"es"}


async def test_no_seat_is_taken_in_a_language_that_the_engine_lacks() -> None:
    async with stage() as on:
        on.session.distribution = {"ar": 1, "ja": 2}
        machine = on.machine()
        await on.start(machine)
        await on.time.advance(3)
        assert on.session.history == []
        on.session.distribution = {"ar": 1, "es": 1}
        await on.time.advance(2)
        assert machine.holds == {"es"}
    assert on.session.history[0] == ("join", "es")


async def test_audio_that_is_no_pcm_is_told() -> None:
    async with stage(audio_format=AudioFormat(encoding="opus")) as on:
        on.session.distribution = {"es": 1}
        task = await on.start(on.machine())
        with pytest.raises(UnsupportedLanguageError, match="opus"):
            task.result()


async def test_an_engine_that_cannot_work_here_is_told() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next("recognise", Fault.UNAVAILABLE)
        task = await on.start(on.machine())
        with pytest.raises(EngineUnavailableError):
            task.result()
        assert on.session.seats == []


async def test_killing_it_gives_the_seats_up() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        task = await on.start(on.machine())
        await on.kill(task)
        assert task.cancelled()
        assert on.session.seats == []
        assert on.engine.open_recognisers == 0
