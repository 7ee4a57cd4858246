"""Handover and retirement of machines: no sentence is repeated or lost."""

from __future__ import annotations

import asyncio

from interpreter.engines.scripted import Cue, Fault, ScriptedEngine
from tests.unit.interpreter.machine.fake_session import LOUD, QUIET
from tests.unit.interpreter.machine.support import SHORT_CHUNKS, World, machine_world


async def _succession(world: World) -> tuple[list[int], list[int]]:
    """Run two machines, and retire the first in mid-sentence.

    Returns the floor times of the sentences that each has interpreted.
    """
    world.session.distribution = {"es": 1}
    first, second = world.machine(), world.machine(engine=ScriptedEngine(["beta"]))
    running = await world.start(first)
    await world.start(second)
    await world.time.advance(1)
    assert second.standby_languages == {"es"}
    await world.speak_sentence()
    await world.session.speak((LOUD, 0.4))
    retiring = asyncio.create_task(first.retire())
    await world.session.speak((LOUD, 0.6), (QUIET, 0.6))
    await world.speak_sentence(2)
    await world.time.advance(3)
    assert retiring.done()
    assert running.result() is None
    assert second.holds == {"es"}

    def by(epoch: int) -> list[int]:
        times = [it.renders.timestamp for it in world.sent() if it.renders and it.epoch == epoch]
        return sorted(set(times))

    return by(1), by(2)


async def test_a_handover_neither_repeats_nor_loses_a_sentence() -> None:
    async with machine_world() as world:
        started = world.time.now_ms() + 1_200
        by_first, by_second = await _succession(world)
        history = world.session.history
    assert [time - started for time in by_first] == [0, 1_600], "until the end of its sentence"
    assert [time - started for time in by_second] == [3_200, 4_800]
    assert ("handOver", "es") in history
    assert world.session.refused_chunks == 0


async def test_a_machine_without_stand_by_finishes_its_sentence_and_leaves() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1}
        machine = world.machine()
        running = await world.start(machine)
        await world.time.advance(2)
        await world.session.speak((LOUD, 0.4))
        retiring = asyncio.create_task(machine.retire())
        await world.session.speak((LOUD, 0.6), (QUIET, 0.6))
        await world.time.advance(2)
        assert retiring.done()
        assert running.result() is None
    assert (len(world.sent("es")), len(world.sent("ca"))) == (SHORT_CHUNKS, SHORT_CHUNKS)
    assert {("leave", "es"), ("leave", "ca")} <= set(world.session.history)
    assert machine.holds == frozenset()


async def test_retiring_during_silence_is_immediate() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        running = await world.start(machine)
        await world.speak_sentence()
        await world.time.advance(3)
        started_at = world.time.ms
        retiring = asyncio.create_task(machine.retire())
        await world.time.settle()
        assert retiring.done()
        assert running.result() is None
        assert world.time.ms == started_at


async def test_retiring_is_bounded_while_the_speaker_does_not_pause() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.session.speak((LOUD, 1.0))
        retiring = asyncio.create_task(machine.retire())
        await world.session.speak((LOUD, 20.0))
        assert retiring.done()
    # Everything heard until then was interpreted.
    assert machine.report.language("es").spoken == 1


async def test_a_hanging_engine_does_not_block_retiring() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        world.engine.fail_next("recognise", Fault.HANG, Fault.HANG, Fault.HANG)
        await world.start(machine)
        await world.session.speak((LOUD, 1.0))
        retiring = asyncio.create_task(machine.retire())
        await world.time.advance(40)
        assert retiring.done()


async def test_retiring_without_a_seat_ends_the_machine() -> None:
    async with machine_world() as world:
        machine = world.machine()
        running = await world.start(machine)
        await asyncio.gather(machine.retire(), machine.retire())
        await world.time.settle()
        assert running.result() is None


async def test_take_over_takes_channels_of_machines_only() -> None:
    async with machine_world() as world:
        world.session.distribution = {"es": 1, "ca": 1}
        first, second = world.machine(), world.machine(engine=ScriptedEngine(["beta"]))
        await world.start(first)
        await world.time.advance(2)
        world.session.grant("ca", None, "takenOver")  # by a person
        await world.start(second)
        await world.time.advance(2)
        assert second.standby_languages == {"ca", "es"}
        await second.take_over()
        await world.time.settle()
        assert second.holds == {"es"}
        assert second.standby_languages == {"ca"}, "a person keeps the lease"
        assert first.standby_languages == {"ca", "es"}


async def test_a_promoted_machine_speaks_what_its_dead_predecessor_did_not() -> None:
    """It continues after the last sentence that the predecessor has captioned."""
    async with machine_world() as world:
        world.session.distribution = {"es": 1}
        first, second = world.machine(), world.machine(engine=ScriptedEngine(["beta"]))
        running = await world.start(first)
        await world.start(second)
        await world.time.advance(1)
        await world.speak_sentence()
        running.cancel()
        seat = world.session.seats[0]
        world.session.seats.remove(seat)  # dead, but its lease has not expired
        await world.time.settle()
        world.session.holders["es"] = seat
        await world.speak_sentence()
        world.session.holders.pop("es", None)
        standby = world.session.seats[0]
        world.session.grant("es", standby, "promoted")
        await world.time.advance(3)
        assert second.holds == {"es"}
    assert world.captions()[-1] == "[es] beta"
    assert world.captions("en") == ["alpha", "beta"]


async def test_after_a_person_interpretation_starts_with_new_sentences() -> None:
    async with machine_world() as world:
        world.session.holders["es"] = None
        world.session.distribution = {"es": 1}
        await world.start(world.machine())
        await world.speak_sentence(2)
        world.session.release("es")
        await world.speak_sentence()
        await world.time.advance(2)
    assert world.captions() == ["[es] alpha"]
    assert len(world.sent()) == SHORT_CHUNKS


async def test_a_new_language_gets_only_new_sentences() -> None:
    cues = [Cue(3_000, "early", 100, 900), Cue(4_000, "late", 2_900, 3_900)]
    async with machine_world(ScriptedEngine(cues=cues)) as world:
        world.session.distribution = {"es": 1}
        machine = world.machine()
        await world.start(machine)
        await world.session.speak((LOUD, 1.2))
        world.session.distribution = {"es": 1, "ca": 1}
        await world.session.speak((LOUD, 1.4))
        assert machine.holds == {"ca", "es"}
        await world.session.speak((LOUD, 2.0))
        await world.time.advance(2)
    assert [text for text in world.captions() if "ca" in text] == ["[ca] late"]
    assert [text for text in world.captions() if "es" in text] == ["[es] early", "[es] late"]
