"""An engine that throws, hangs, answers nothing, or too slowly: what listeners hear then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from interpreter.engines.scripted import Cue, Fault, ScriptedEngine, ScriptedRecogniser
from interpreter.machine.report import (
    EngineFailed,
    EngineSuspended,
    RecognitionSwitched,
    SentenceSkipped,
)
from tests.unit.interpreter.machine.fake_session import LOUD, QUIET
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, Stage, stage

FOR_A_MOMENT = [Fault.THROW, Fault.CRASH, Fault.HANG, Fault.EMPTY]


def faults(on: Stage) -> list[tuple[str, str]]:
    return [(it.stage, it.fault) for it in on.news if isinstance(it, EngineFailed)]


@pytest.mark.parametrize("stage_of_engine", ["translate", "speak"])
@pytest.mark.parametrize("fault", FOR_A_MOMENT)
async def test_a_sentence_that_the_engine_cannot_do_is_left_out(
    stage_of_engine: str, fault: Fault
) -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        on.engine.fail_next("speak" if stage_of_engine == "speak" else "translate", fault)
        await on.sentence()
        await on.time.advance(8)
        assert on.heard() == []
        await on.sentence()
        await on.time.advance(2)
        assert machine.holds == {"es"}
    assert len(on.heard()) == SHORT_CHUNKS
    assert on.read("en") == ["alpha", "bravo"], "the floor is read whatever becomes of the rest"
    # What is translated but not spoken may be read.
    spoken = [(caption.text, caption.spoken) for caption in on.session.captions]
    assert (("[es] alpha", False) in spoken) is (stage_of_engine == "speak")
    assert machine.report.language("es").unspoken == {"engine": 1}
    assert machine.report.failures == {stage_of_engine: 1}
    assert SentenceSkipped("es", "engine") in on.news


@pytest.mark.parametrize("fault", [Fault.THROW, Fault.CRASH, Fault.HANG, Fault.DIE])
async def test_a_recogniser_that_fails_is_started_again_and_nothing_is_lost(fault: Fault) -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next("recognise", fault)
        machine = on.machine()
        await on.start(machine)
        await on.sentence()
        await on.time.advance(6)
        assert on.read() == ["[es] alpha"]
        await on.sentence()
        await on.time.advance(2)
    assert on.read() == ["[es] alpha", "[es] bravo"]
    assert machine.report.restarts == 1
    assert machine.report.failures == {"recognise": 1}
    assert on.engine.open_recognisers == 0


async def test_a_recogniser_that_hears_nothing_in_speech_is_taken_for_hung() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next("recognise", Fault.EMPTY)
        machine = on.machine(no_result_seconds=4.0)
        await on.start(machine)
        await on.session.speak((LOUD, 5.0), (QUIET, 1.0))
        await on.time.advance(3)
    assert machine.report.restarts == 1
    assert on.read() == ["[es] alpha"]


async def test_an_engine_that_hears_nothing_any_more_leaves_its_listeners_to_the_floor() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1}
        machine = on.machine(suspend_seconds=20)
        await on.start(machine)
        await on.time.advance(2)
        assert machine.holds == {"ca", "es"}
        # From now on it does not come up again.
        on.engine.fail_next("recognise", *[Fault.THROW] * 3)
        for language in ("es", "ca"):
            on.session.grant(language, None, "takenOver")
        await on.time.settle()
        for language in ("es", "ca"):
            on.session.free(language)
        await on.time.advance(5)
        assert on.session.seats == []
        assert EngineSuspended(20, None) in on.news
        await on.time.advance(20)
        assert machine.holds == {"ca", "es"}
        await on.sentence()
        await on.time.advance(1)
    assert sorted(on.read()) == ["[ca] alpha", "[es] alpha"]


@pytest.mark.parametrize("stage_of_engine", ["translate", "speak"])
async def test_a_language_that_fails_again_and_again_is_left_for_a_while(
    stage_of_engine: str,
) -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next(
            "speak" if stage_of_engine == "speak" else "translate", *[Fault.THROW] * 3
        )
        machine = on.machine(suspend_seconds=15)
        await on.start(machine)
        await on.sentence(3)
        await on.time.advance(1)
        assert machine.holds == frozenset()
        assert EngineSuspended(15, "es") in on.news
        await on.time.advance(17)
        assert machine.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
    assert on.read()[-1] == "[es] gamma"


@pytest.mark.parametrize("stage_of_engine", ["translate", "speak"])
async def test_an_engine_that_still_hangs_is_not_tried_on_the_listeners(
    stage_of_engine: str,
) -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        # Twice on the air, then off it.
        on.engine.fail_next(
            "speak" if stage_of_engine == "speak" else "translate", *[Fault.HANG] * 4
        )
        machine = on.machine(suspend_seconds=15)
        await on.start(machine)
        await on.sentence(2)
        await on.time.advance(10)
        assert machine.holds == frozenset()
        for _ in range(60):
            await on.time.advance(1)
            assert machine.holds == frozenset()
        await on.time.advance(60)
        assert machine.holds == {"es"}
        assert on.heard() == []
        await on.sentence()
        await on.time.advance(1)
    assert len(on.heard()) >= SHORT_CHUNKS
    assert [it.seconds for it in on.news if isinstance(it, EngineSuspended)] == [15, 30, 60]


async def test_an_ear_that_does_not_come_up_is_tried_without_a_seat() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next("recognise", *[Fault.THROW] * 5)
        machine = on.machine(suspend_seconds=15)
        await on.start(machine)
        await on.time.advance(10)
        assert machine.holds == frozenset()
        # After 15 s it fails once more, and after 30 s again; then it works.
        for _ in range(90):
            await on.time.advance(1)
            assert machine.holds == frozenset()
        await on.time.advance(15)
        assert machine.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
    assert on.read() == ["[es] alpha"]


async def test_an_ear_that_hangs_as_it_starts_is_not_started_again_on_the_listeners() -> None:
    class Hanging(ScriptedEngine):
        hangs = True

        @contextlib.asynccontextmanager
        async def recogniser(
            self, language: str, sample_rate: int
        ) -> AsyncIterator[ScriptedRecogniser]:
            if self.hangs:
                await asyncio.Event().wait()
            async with super().recogniser(language, sample_rate) as recogniser:
                yield recogniser

    engine = Hanging()
    async with stage(engine) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine(suspend_seconds=15, start_seconds=5)
        await on.start(machine)
        await on.time.advance(7)
        assert machine.holds == frozenset()
        assert [it for it in on.news if isinstance(it, EngineSuspended)] == [
            EngineSuspended(15, None)
        ]
        await on.time.advance(30)
        assert machine.holds == frozenset()
        engine.hangs = False
        await on.time.advance(30)
        assert machine.holds == {"es"}
        await on.sentence()
        await on.time.advance(1)
    assert on.read() == ["[es] one two three four five"]


async def test_a_language_that_the_engine_lacks_after_all_is_left_for_good() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1}
        machine = on.machine()
        await on.start(machine)
        await on.time.advance(2)
        on.engine.fail_next("translate", Fault.UNAVAILABLE)
        await on.sentence()
        await on.time.advance(300)
        assert len(machine.holds) == 1
        await on.sentence()
        await on.time.advance(1)
    assert len(on.read()) == 2


async def test_results_out_of_order_are_dropped_and_counted() -> None:
    cues = [
        Cue(2_000, "second", 1_000, 1_800),
        Cue(2_200, "first", 200, 900),
        Cue(2_400, "overlapping", 1_500, 2_300),
        Cue(2_600, " ", 2_000, 2_300),
        Cue(2_800, "third", 2_000, 2_600),
    ]
    async with stage(ScriptedEngine(cues=cues)) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.session.speak((LOUD, 4.0))
        await on.time.advance(3)
    assert on.read() == ["[es] second", "[es] third"]
    assert machine.report.disordered == 3
    assert machine.report.sentences == 2


async def test_speech_that_falls_behind_hurries_and_then_leaves_sentences_out() -> None:
    # Each lasts for five seconds in Spanish, and takes 1.6 s in English.
    sentences = [f"{number} {'a' * 76}" for number in range(12)]
    async with stage(ScriptedEngine(sentences)) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.sentence(12)
        await on.time.advance(20)
    account = machine.report.language("es")
    assert account.unspoken["behind"] == 12 - account.spoken > 0
    assert on.engine.speeds[0] == 1
    assert max(on.engine.speeds) > 1.3
    # Read in order, each once, and those that were not heard are marked.
    own = [caption for caption in on.session.captions if caption.language is None]
    assert len(own) == len({caption.timestamp for caption in own}) == 12
    assert [caption.spoken for caption in own].count(False) == account.unspoken["behind"]
    heard = [chunk.renders.timestamp for chunk in on.heard() if chunk.renders]
    assert heard == sorted(heard)
    # Never more than the bound: the last was said when it was recognised, or soon after.
    speak_ms = [chunk.renders.speak_ms for chunk in on.heard() if chunk.renders]
    assert max(speak_ms) <= 8_000 + 5_000
    assert [chunk.seq for chunk in on.heard()] == list(range(len(on.heard())))


async def test_a_translation_that_waits_too_long_is_left_out() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine(translate_seconds=60, max_untranslated=2)
        on.engine.fail_next("translate", Fault.HANG)
        await on.start(machine)
        await on.sentence(5)
        await on.time.advance(70)
    # One hung, two waited, and the two before them were too much.
    assert machine.report.language("es").unspoken == {"behind": 2, "engine": 1}
    assert machine.report.language("es").spoken == 2


async def test_speech_without_end_is_an_engines_mistake() -> None:
    async with stage(ScriptedEngine(["a" * 1_100, "alpha"])) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.sentence(2)
        await on.time.advance(2)
    assert ("speak", "endless") in faults(on)
    assert len(on.heard()) == SHORT_CHUNKS
    assert machine.report.language("es").unspoken == {"engine": 1}


async def test_a_recogniser_that_is_too_slow_is_not_followed_by_a_queue() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        on.engine.fail_next("recognise", Fault.HANG)
        machine = on.machine(hear_seconds=30, kept_ms=4_000)
        await on.start(machine)
        await on.session.speak((LOUD, 10.0))
    # One chunk is in the recogniser, twenty wait, and the others were given up.
    assert machine.report.unheard == 50 - 1 - 20


async def test_chunks_that_do_not_leave_are_given_up() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        on.session.seats[0].stuck = True
        await on.sentence()
        await on.time.advance(10)
        on.session.seats[0].stuck = False
        await on.sentence()
        await on.time.advance(2)
    assert machine.report.language("es").lost_chunks == SHORT_CHUNKS
    assert len(on.heard()) == SHORT_CHUNKS


async def test_lost_chunks_of_the_floor_are_bridged() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        await on.start(on.machine())
        for number in range(12):
            await on.time.advance(0.2)
            if number == 3:
                on.session._seq += 1  # this one is lost on the way
            else:
                on.session.chunk((LOUD if number < 6 else QUIET) * 3_200)
        await on.time.advance(2)
    assert on.read() == ["[es] alpha"]
    assert RecognitionSwitched(on=True) in on.news
