"""One machine after another, and the end of one: no sentence twice, none left out."""

from __future__ import annotations

import asyncio

from interpreter.engines.scripted import Cue, Fault, ScriptedEngine
from tests.unit.interpreter.machine.fake_session import LOUD, QUIET
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, Stage, stage


async def _succession(on: Stage) -> tuple[list[int], list[int]]:
    """Two machines, the first of which retires in the middle of a sentence; the floor times of the
    sentences that each of them has interpreted.
    """
    on.session.distribution = {"es": 1}
    first, second = on.machine(), on.machine(engine=ScriptedEngine(["beta"]))
    running = await on.start(first)
    await on.start(second)
    await on.time.advance(1)
    assert second.standby_languages == {"es"}
    await on.sentence()
    await on.session.speak((LOUD, 0.4))
    retiring = asyncio.create_task(first.retire())
    await on.session.speak((LOUD, 0.6), (QUIET, 0.6))
    await on.sentence(2)
    await on.time.advance(3)
    assert retiring.done()
    assert running.result() is None
    assert second.holds == {"es"}

    def by(epoch: int) -> list[int]:
        times = [it.renders.timestamp for it in on.heard() if it.renders and it.epoch == epoch]
        return sorted(set(times))

    return by(1), by(2)


async def test_no_sentence_is_said_twice_and_none_is_left_out() -> None:
    async with stage() as on:
        begun = on.time.now_ms() + 1_200
        by_first, by_second = await _succession(on)
        history = on.session.history
    assert [time - begun for time in by_first] == [0, 1_600], "to the end of its sentence"
    assert [time - begun for time in by_second] == [3_200, 4_800]
    assert ("handOver", "es") in history
    assert on.session.refused_chunks == 0


async def test_a_machine_that_retires_alone_finishes_its_sentence_and_leaves() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1}
        machine = on.machine()
        running = await on.start(machine)
        await on.time.advance(2)
        await on.session.speak((LOUD, 0.4))
        retiring = asyncio.create_task(machine.retire())
        await on.session.speak((LOUD, 0.6), (QUIET, 0.6))
        await on.time.advance(2)
        assert retiring.done()
        assert running.result() is None
    assert (len(on.heard("es")), len(on.heard("ca"))) == (SHORT_CHUNKS, SHORT_CHUNKS)
    assert {("leave", "es"), ("leave", "ca")} <= set(on.session.history)
    assert machine.holds == frozenset()


async def test_where_nobody_speaks_it_retires_at_once() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        running = await on.start(machine)
        await on.sentence()
        await on.time.advance(3)
        asked_at = on.time.ms
        retiring = asyncio.create_task(machine.retire())
        await on.time.settle()
        assert retiring.done()
        assert running.result() is None
        assert on.time.ms == asked_at


async def test_it_retires_in_bounded_time_from_a_speaker_without_end() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.session.speak((LOUD, 1.0))
        retiring = asyncio.create_task(machine.retire())
        await on.session.speak((LOUD, 20.0))
        assert retiring.done()
    # What was heard until then was interpreted.
    assert machine.report.language("es").spoken == 1


async def test_an_engine_that_hangs_does_not_keep_it_from_retiring() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        on.engine.fail_next("recognise", Fault.HANG, Fault.HANG, Fault.HANG)
        await on.start(machine)
        await on.session.speak((LOUD, 1.0))
        retiring = asyncio.create_task(machine.retire())
        await on.time.advance(40)
        assert retiring.done()


async def test_before_it_has_a_seat_it_just_ends() -> None:
    async with stage() as on:
        machine = on.machine()
        running = await on.start(machine)
        await asyncio.gather(machine.retire(), machine.retire())
        await on.time.settle()
        assert running.result() is None


async def test_a_successor_may_take_over_what_is_not_handed_over() -> None:
    async with stage() as on:
        on.session.distribution = {"es": 1, "ca": 1}
        first, second = on.machine(), on.machine(engine=ScriptedEngine(["beta"]))
        await on.start(first)
        await on.time.advance(2)
        on.session.grant("ca", None, "takenOver")  # by a person
        await on.start(second)
        await on.time.advance(2)
        assert second.standby_languages == {"ca", "es"}
        await second.take_over()
        await on.time.settle()
        assert second.holds == {"es"}
        assert second.standby_languages == {"ca"}, "a person keeps the turn"
        assert first.standby_languages == {"ca", "es"}


async def test_a_machine_that_follows_a_dead_one_says_what_was_not_said() -> None:
    """It goes on from the last sentence that the other one had captioned."""
    async with stage() as on:
        on.session.distribution = {"es": 1}
        first, second = on.machine(), on.machine(engine=ScriptedEngine(["beta"]))
        running = await on.start(first)
        await on.start(second)
        await on.time.advance(1)
        await on.sentence()
        running.cancel()
        seat = on.session.seats[0]
        on.session.seats.remove(seat)  # dead, but its lease runs for a while
        await on.time.settle()
        on.session.holders["es"] = seat
        await on.sentence()
        on.session.holders.pop("es", None)
        waiting = on.session.seats[0]
        on.session.grant("es", waiting, "promoted")
        await on.time.advance(3)
        assert second.holds == {"es"}
    assert on.read()[-1] == "[es] beta"
    assert on.read("en") == ["alpha", "beta"]


async def test_after_a_person_it_goes_on_with_what_is_said_from_then_on() -> None:
    async with stage() as on:
        on.session.holders["es"] = None
        on.session.distribution = {"es": 1}
        await on.start(on.machine())
        await on.sentence(2)
        on.session.free("es")
        await on.sentence()
        await on.time.advance(2)
    assert on.read() == ["[es] alpha"]
    assert len(on.heard()) == SHORT_CHUNKS


async def test_a_language_that_joins_in_is_not_told_what_was_said_before() -> None:
    cues = [Cue(3_000, "early", 100, 900), Cue(4_000, "late", 2_900, 3_900)]
    async with stage(ScriptedEngine(cues=cues)) as on:
        on.session.distribution = {"es": 1}
        machine = on.machine()
        await on.start(machine)
        await on.session.speak((LOUD, 1.2))
        on.session.distribution = {"es": 1, "ca": 1}
        await on.session.speak((LOUD, 1.4))
        assert machine.holds == {"ca", "es"}
        await on.session.speak((LOUD, 2.0))
        await on.time.advance(2)
    assert [text for text in on.read() if "ca" in text] == ["[ca] late"]
    assert [text for text in on.read() if "es" in text] == ["[es] early", "[es] late"]
