"""Machines whose engine fails, hangs, returns nothing, or is too slow."""

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
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, World, machine_world

TRANSIENT = [Fault.THROW, Fault.CRASH, Fault.HANG, Fault.EMPTY]


def faults(world: World) -> list[tuple[str, str]]:
    return [(it.stage, it.fault) for it in world.news if isinstance(it, EngineFailed)]


@pytest.mark.parametrize("stage", ["translate", "speak"])
@pytest.mark.parametrize("fault", TRANSIENT)
async def test_a_sentence_is_skipped_when_the_engine_fails(stage: str, fault: Fault) -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        world.engine.fail_next("speak" if stage == "speak" else "translate", fault)
        await world.speak_sentence()
        await world.time.advance(8)
        assert world.sent() == []
        await world.speak_sentence()
        await world.time.advance(2)
        assert machine.holds == {"es"}
    assert len(world.sent()) == SHORT_CHUNKS
    assert world.captions("en") == ["alpha", "bravo"], (
        "floor captions do not depend on later stages"
    )
    # Text that is translated but not spoken is captioned.
    spoken = [(caption.text, caption.spoken) for caption in world.session.captions]
    assert (("[es] alpha", False) in spoken) is (stage == "speak")
    assert machine.report.language("es").unspoken == {"engine": 1}
    assert machine.report.failures == {stage: 1}
    assert SentenceSkipped("es", "engine") in world.news


@pytest.mark.parametrize("fault", [Fault.THROW, Fault.CRASH, Fault.HANG, Fault.DIE])
async def test_a_failed_recogniser_is_restarted_without_losing_a_sentence(fault: Fault) -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("recognise", fault)
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence()
        await world.time.advance(6)
        assert world.captions() == ["[es] alpha"]
        await world.speak_sentence()
        await world.time.advance(2)
    assert world.captions() == ["[es] alpha", "[es] bravo"]
    assert machine.report.restarts == 1
    assert machine.report.failures == {"recognise": 1}
    assert world.engine.open_recognisers == 0


async def test_a_recogniser_without_results_is_restarted() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("recognise", Fault.EMPTY)
        machine = world.machine(no_result_seconds=4.0)
        await world.start(machine)
        await world.session.speak((LOUD, 5.0), (QUIET, 1.0))
        await world.time.advance(3)
    assert machine.report.restarts == 1
    assert world.captions() == ["[es] alpha"]


async def test_seats_are_left_while_recognition_fails() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1}
        machine = world.machine(suspend_seconds=20)
        await world.start(machine)
        await world.time.advance(2)
        assert machine.holds == {"ca", "es"}
        # From now on, recognisers fail to open.
        world.engine.fail_next("recognise", *[Fault.THROW] * 3)
        for language in ("es", "ca"):
            world.session.grant(language, None, "takenOver")
        await world.time.settle()
        for language in ("es", "ca"):
            world.session.release(language)
        await world.time.advance(5)
        assert world.session.seats == []
        assert EngineSuspended(20, None) in world.news
        await world.time.advance(20)
        assert machine.holds == {"ca", "es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert sorted(world.captions()) == ["[ca] alpha", "[es] alpha"]


@pytest.mark.parametrize("stage", ["translate", "speak"])
async def test_a_language_is_suspended_after_repeated_failures(
    stage: str,
) -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("speak" if stage == "speak" else "translate", *[Fault.THROW] * 3)
        machine = world.machine(suspend_seconds=15)
        await world.start(machine)
        await world.speak_sentence(3)
        await world.time.advance(1)
        assert machine.holds == frozenset()
        assert EngineSuspended(15, "es") in world.news
        await world.time.advance(17)
        assert machine.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert world.captions()[-1] == "[es] gamma"


@pytest.mark.parametrize("stage", ["translate", "speak"])
async def test_a_hanging_engine_is_probed_in_the_background(
    stage: str,
) -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        # Two calls for listeners, then two probes.
        world.engine.fail_next("speak" if stage == "speak" else "translate", *[Fault.HANG] * 4)
        machine = world.machine(suspend_seconds=15)
        await world.start(machine)
        await world.speak_sentence(2)
        await world.time.advance(10)
        assert machine.holds == frozenset()
        for _ in range(60):
            await world.time.advance(1)
            assert machine.holds == frozenset()
        await world.time.advance(60)
        assert machine.holds == {"es"}
        assert world.sent() == []
        await world.speak_sentence()
        await world.time.advance(1)
    assert len(world.sent()) >= SHORT_CHUNKS
    assert [it.seconds for it in world.news if isinstance(it, EngineSuspended)] == [15, 30, 60]


async def test_a_failing_recogniser_is_probed_without_a_seat() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("recognise", *[Fault.THROW] * 5)
        machine = world.machine(suspend_seconds=15)
        await world.start(machine)
        await world.time.advance(10)
        assert machine.holds == frozenset()
        # The probes after 15 s and 30 s fail; the next one succeeds.
        for _ in range(90):
            await world.time.advance(1)
            assert machine.holds == frozenset()
        await world.time.advance(15)
        assert machine.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert world.captions() == ["[es] alpha"]


async def test_a_recogniser_that_hangs_at_its_start_is_suspended_at_once() -> None:
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
    async with machine_world(engine) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine(suspend_seconds=15, start_seconds=5)
        await world.start(machine)
        await world.time.advance(7)
        assert machine.holds == frozenset()
        assert [it for it in world.news if isinstance(it, EngineSuspended)] == [
            EngineSuspended(15, None)
        ]
        await world.time.advance(30)
        assert machine.holds == frozenset()
        engine.hangs = False
        await world.time.advance(30)
        assert machine.holds == {"es"}
        await world.speak_sentence()
        await world.time.advance(1)
    assert world.captions() == ["[es] one two three four five"]


async def test_a_permanent_engine_error_excludes_the_language() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1}
        machine = world.machine()
        await world.start(machine)
        await world.time.advance(2)
        world.engine.fail_next("translate", Fault.UNAVAILABLE)
        await world.speak_sentence()
        await world.time.advance(300)
        assert len(machine.holds) == 1
        await world.speak_sentence()
        await world.time.advance(1)
    assert len(world.captions()) == 2


async def test_disordered_results_are_dropped_and_counted() -> None:
    cues = [
        Cue(2_000, "second", 1_000, 1_800),
        Cue(2_200, "first", 200, 900),
        Cue(2_400, "overlapping", 1_500, 2_300),
        Cue(2_600, " ", 2_000, 2_300),
        Cue(2_800, "third", 2_000, 2_600),
    ]
    async with machine_world(ScriptedEngine(cues=cues)) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.session.speak((LOUD, 4.0))
        await world.time.advance(3)
    assert world.captions() == ["[es] second", "[es] third"]
    assert machine.report.disordered == 3
    assert machine.report.sentences == 2


async def test_speech_that_falls_behind_speeds_up_and_then_skips_sentences() -> None:
    # Each sentence takes 1.6 s in English and five seconds in Spanish.
    sentences = [f"{number} {'a' * 76}" for number in range(12)]
    async with machine_world(ScriptedEngine(sentences)) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence(12)
        await world.time.advance(20)
    report = machine.report.language("es")
    assert report.unspoken["behind"] == 12 - report.spoken > 0
    assert world.engine.speeds[0] == 1
    assert max(world.engine.speeds) > 1.3
    # Captions come in order, each once, and skipped sentences are marked.
    own = [caption for caption in world.session.captions if caption.language is None]
    assert len(own) == len({caption.timestamp for caption in own}) == 12
    assert [caption.spoken for caption in own].count(False) == report.unspoken["behind"]
    heard = [chunk.renders.timestamp for chunk in world.sent() if chunk.renders]
    assert heard == sorted(heard)
    # The delay stays within the backlog's bound.
    speak_ms = [chunk.renders.speak_ms for chunk in world.sent() if chunk.renders]
    assert max(speak_ms) <= 8_000 + 5_000
    assert [chunk.seq for chunk in world.sent()] == list(range(len(world.sent())))


async def test_sentences_are_skipped_when_too_many_wait_for_translation() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine(translate_seconds=60, max_untranslated=2)
        world.engine.fail_next("translate", Fault.HANG)
        await world.start(machine)
        await world.speak_sentence(5)
        await world.time.advance(70)
    # One hung, two waited, and two older ones were skipped.
    assert machine.report.language("es").unspoken == {"behind": 2, "engine": 1}
    assert machine.report.language("es").spoken == 2


async def test_endless_speech_is_an_engine_failure() -> None:
    async with machine_world(ScriptedEngine(["a" * 1_100, "alpha"])) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.speak_sentence(2)
        await world.time.advance(2)
    assert ("speak", "endless") in faults(world)
    assert len(world.sent()) == SHORT_CHUNKS
    assert machine.report.language("es").unspoken == {"engine": 1}


async def test_chunks_are_dropped_when_recognition_is_too_slow() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        world.engine.fail_next("recognise", Fault.HANG)
        machine = world.machine(hear_seconds=30, kept_ms=4_000)
        await world.start(machine)
        await world.session.speak((LOUD, 10.0))
    # One chunk is in the recogniser, twenty wait, and the others were dropped.
    assert machine.report.unheard == 50 - 1 - 20


async def test_chunks_that_cannot_be_sent_are_dropped() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        world.session.seats[0].blocked = True
        await world.speak_sentence()
        await world.time.advance(10)
        world.session.seats[0].blocked = False
        await world.speak_sentence()
        await world.time.advance(2)
    assert machine.report.language("es").lost_chunks == SHORT_CHUNKS
    assert len(world.sent()) == SHORT_CHUNKS


async def test_a_lost_floor_chunk_does_not_split_the_sentence() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        await world.start(world.machine())
        for number in range(12):
            await world.time.advance(0.2)
            if number == 3:
                world.session._seq += 1  # a lost chunk
            else:
                world.session.chunk((LOUD if number < 6 else QUIET) * 3_200)
        await world.time.advance(2)
    assert world.captions() == ["[es] alpha"]
    assert RecognitionSwitched(on=True) in world.news
