"""What every engine must do. For an engine of yours:

class TestMyEngine(EngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[Engine]: ...  # and close it

    @pytest.fixture
    def floor(self) -> Floor: ...
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from interpreter.engine import (
    Engine,
    FloorChunk,
    Recogniser,
    RecognitionResult,
    UnsupportedLanguageError,
)

BEGIN = 1_700_000_000_000
CHUNK_MS = 200


@dataclass(frozen=True)
class Floor:
    """Sound in which the engine must recognise these utterances, in this order."""

    language: str
    sample_rate: int
    pcm: bytes
    texts: tuple[str, ...]
    target: str

    def chunks(self, begin: int = BEGIN) -> list[FloorChunk]:
        size = self.sample_rate * CHUNK_MS // 1000 * 2
        return [
            FloorChunk(begin + number * CHUNK_MS, self.pcm[start : start + size])
            for number, start in enumerate(range(0, len(self.pcm), size))
        ]

    def end(self, begin: int = BEGIN) -> int:
        return begin + len(self.pcm) * 1000 // (2 * self.sample_rate)


async def heard(recogniser: Recogniser, chunks: list[FloorChunk]) -> list[RecognitionResult]:
    """All that is recognised in these chunks, which are the last."""

    async def read() -> list[RecognitionResult]:
        return [recognised async for recognised in recogniser.results()]

    async with asyncio.TaskGroup() as group:
        results = group.create_task(read())
        for chunk in chunks:
            await recogniser.hear(chunk)
        await recogniser.finish()
    return results.result()


def finals(results: list[RecognitionResult]) -> list[RecognitionResult]:
    return [recognised for recognised in results if recognised.final]


class EngineContract:
    """Its tests ask for the fixtures above."""

    async def test_it_recognises_what_is_said_in_its_order(
        self, engine: Engine, floor: Floor
    ) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await heard(recogniser, floor.chunks())

        assert tuple(recognised.text for recognised in finals(results)) == floor.texts

    async def test_times_are_of_the_floor_and_do_not_overlap(
        self, engine: Engine, floor: Floor
    ) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await heard(recogniser, floor.chunks())

        assert results
        end = BEGIN
        for recognised in results:
            assert end <= recognised.timestamp < recognised.end_timestamp <= floor.end()
            if recognised.final:
                end = recognised.end_timestamp

    async def test_a_result_that_is_not_final_is_followed_by_its_final_one(
        self, engine: Engine, floor: Floor
    ) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await heard(recogniser, floor.chunks())

        assert results[-1].final
        assert all(recognised.text for recognised in results)

    async def test_times_follow_the_timestamps_after_a_pause(
        self, engine: Engine, floor: Floor
    ) -> None:
        later = floor.end() + 60_000
        chunks = [*floor.chunks(), *floor.chunks(later)]
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = finals(await heard(recogniser, chunks))

        half = len(results) // 2
        assert half
        assert all(recognised.end_timestamp <= floor.end() for recognised in results[:half])
        assert all(
            later <= recognised.timestamp < recognised.end_timestamp <= floor.end(later)
            for recognised in results[half:]
        )

    async def test_without_sound_nothing_is_recognised(self, engine: Engine, floor: Floor) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            assert await heard(recogniser, []) == []

    async def test_recognisers_do_not_hear_each_other(self, engine: Engine, floor: Floor) -> None:
        async def hear() -> list[RecognitionResult]:
            async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
                return await heard(recogniser, floor.chunks())

        first, second = await asyncio.gather(hear(), hear())

        assert finals(first) == finals(second)
        assert tuple(recognised.text for recognised in finals(first)) == floor.texts

    async def test_a_recogniser_may_be_left_at_any_time(self, engine: Engine, floor: Floor) -> None:
        for count in (0, 1, len(floor.chunks()) // 2):
            async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
                for chunk in floor.chunks()[:count]:
                    await recogniser.hear(chunk)

    async def test_what_it_can_say_is_translated_and_spoken(
        self, engine: Engine, floor: Floor
    ) -> None:
        assert floor.target in engine.targets(floor.language)

        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        spoken = await engine.speak(text, floor.target, floor.sample_rate, 1.0)

        assert text
        assert len(spoken) % 2 == 0
        assert any(spoken)

    async def test_faster_is_shorter(self, engine: Engine, floor: Floor) -> None:
        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        spoken = await engine.speak(text, floor.target, floor.sample_rate, 1.0)
        hurried = await engine.speak(text, floor.target, floor.sample_rate, 1.5)

        assert 0.5 * len(spoken) < len(hurried) < 0.85 * len(spoken)

    @pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
    async def test_it_speaks_at_the_sessions_rate(
        self, engine: Engine, floor: Floor, rate: int
    ) -> None:
        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        reference = len(await engine.speak(text, floor.target, 16_000, 1.0)) / 16_000
        spoken = len(await engine.speak(text, floor.target, rate, 1.0)) / rate

        assert spoken == pytest.approx(reference, rel=0.02)

    async def test_many_ask_at_once_and_get_their_own_answers(
        self, engine: Engine, floor: Floor
    ) -> None:
        one_by_one = [
            await engine.translate(text, floor.language, floor.target) for text in floor.texts
        ]
        at_once = await asyncio.gather(
            *(engine.translate(text, floor.language, floor.target) for text in floor.texts * 4)
        )

        assert at_once == one_by_one * 4

    async def test_languages_it_does_not_know_are_refused(
        self, engine: Engine, floor: Floor
    ) -> None:
        with pytest.raises(UnsupportedLanguageError):
            engine.targets("tlh")
        with pytest.raises(UnsupportedLanguageError):
            async with engine.recogniser("tlh", floor.sample_rate):
                pass
        with pytest.raises(UnsupportedLanguageError):
            await engine.translate("one", floor.language, "tlh")
        with pytest.raises(UnsupportedLanguageError):
            await engine.speak("one", "tlh", floor.sample_rate, 1.0)

    async def test_it_may_be_closed_twice(self, engine: Engine) -> None:
        await engine.close()
        await engine.close()
