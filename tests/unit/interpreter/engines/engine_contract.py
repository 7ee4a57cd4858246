"""Contract tests of engines. To test an engine:

class TestMyEngine(EngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[Engine]: ...  # closes the engine afterwards

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
    """Audio and the utterances that the engine must recognise in it, in order."""

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


async def recognise(recogniser: Recogniser, chunks: list[FloorChunk]) -> list[RecognitionResult]:
    """Recognise chunks to the end, and return all results."""

    async def read() -> list[RecognitionResult]:
        return [result async for result in recogniser.results()]

    async with asyncio.TaskGroup() as group:
        results = group.create_task(read())
        for chunk in chunks:
            await recogniser.hear(chunk)
        await recogniser.finish()
    return results.result()


def finals(results: list[RecognitionResult]) -> list[RecognitionResult]:
    return [result for result in results if result.final]


class EngineContract:
    """Tests for every engine, based on the fixtures above."""

    async def test_recognises_sentences_in_order(self, engine: Engine, floor: Floor) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await recognise(recogniser, floor.chunks())

        assert tuple(result.text for result in finals(results)) == floor.texts

    async def test_result_times_are_floor_times_without_overlap(
        self, engine: Engine, floor: Floor
    ) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await recognise(recogniser, floor.chunks())

        assert results
        end = BEGIN
        for result in results:
            assert end <= result.timestamp < result.end_timestamp <= floor.end()
            if result.final:
                end = result.end_timestamp

    async def test_partial_results_are_followed_by_a_final_one(
        self, engine: Engine, floor: Floor
    ) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = await recognise(recogniser, floor.chunks())

        assert results[-1].final
        assert all(result.text for result in results)

    async def test_result_times_follow_the_timestamps_after_a_pause(
        self, engine: Engine, floor: Floor
    ) -> None:
        later = floor.end() + 60_000
        chunks = [*floor.chunks(), *floor.chunks(later)]
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            results = finals(await recognise(recogniser, chunks))

        half = len(results) // 2
        assert half
        assert all(result.end_timestamp <= floor.end() for result in results[:half])
        assert all(
            later <= result.timestamp < result.end_timestamp <= floor.end(later)
            for result in results[half:]
        )

    async def test_without_audio_nothing_is_recognised(self, engine: Engine, floor: Floor) -> None:
        async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
            assert await recognise(recogniser, []) == []

    async def test_recognisers_are_independent(self, engine: Engine, floor: Floor) -> None:
        async def hear() -> list[RecognitionResult]:
            async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
                return await recognise(recogniser, floor.chunks())

        first, second = await asyncio.gather(hear(), hear())

        assert finals(first) == finals(second)
        assert tuple(result.text for result in finals(first)) == floor.texts

    async def test_a_recogniser_may_be_closed_at_any_time(
        self, engine: Engine, floor: Floor
    ) -> None:
        for count in (0, 1, len(floor.chunks()) // 2):
            async with engine.recogniser(floor.language, floor.sample_rate) as recogniser:
                for chunk in floor.chunks()[:count]:
                    await recogniser.hear(chunk)

    async def test_translates_and_speaks_a_target_language(
        self, engine: Engine, floor: Floor
    ) -> None:
        assert floor.target in engine.targets(floor.language)

        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        spoken = await engine.speak(text, floor.target, floor.sample_rate, 1.0)

        assert text
        assert len(spoken) % 2 == 0
        assert any(spoken)

    async def test_faster_speech_is_shorter(self, engine: Engine, floor: Floor) -> None:
        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        spoken = await engine.speak(text, floor.target, floor.sample_rate, 1.0)
        faster = await engine.speak(text, floor.target, floor.sample_rate, 1.5)

        assert 0.5 * len(spoken) < len(faster) < 0.85 * len(spoken)

    @pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
    async def test_speaks_at_the_requested_sample_rate(
        self, engine: Engine, floor: Floor, rate: int
    ) -> None:
        text = await engine.translate(floor.texts[0], floor.language, floor.target)
        reference = len(await engine.speak(text, floor.target, 16_000, 1.0)) / 16_000
        spoken = len(await engine.speak(text, floor.target, rate, 1.0)) / rate

        assert spoken == pytest.approx(reference, rel=0.02)

    async def test_concurrent_translations_get_their_own_results(
        self, engine: Engine, floor: Floor
    ) -> None:
        one_by_one = [
            await engine.translate(text, floor.language, floor.target) for text in floor.texts
        ]
        at_once = await asyncio.gather(
            *(engine.translate(text, floor.language, floor.target) for text in floor.texts * 4)
        )

        assert at_once == one_by_one * 4

    async def test_unsupported_languages_are_refused(self, engine: Engine, floor: Floor) -> None:
        with pytest.raises(UnsupportedLanguageError):
            engine.targets("tlh")
        with pytest.raises(UnsupportedLanguageError):
            async with engine.recogniser("tlh", floor.sample_rate):
                pass
        with pytest.raises(UnsupportedLanguageError):
            await engine.translate("one", floor.language, "tlh")
        with pytest.raises(UnsupportedLanguageError):
            await engine.speak("one", "tlh", floor.sample_rate, 1.0)

    async def test_engine_may_be_closed_twice(self, engine: Engine) -> None:
        await engine.close()
        await engine.close()
