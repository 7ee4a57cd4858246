"""Speed of the offline engine without the limit of real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.interpreted_session import Speech
from interpreter.engine import Engine, FloorChunk
from interpreter.engines.offline.engine import OfflineEngine

_SAMPLE_RATE_HZ = 16_000
_LIMIT_SECONDS = 300


async def real_time_factor(sessions: int, sentences: int, targets: Sequence[str]) -> float:
    """Time for concurrent `sessions` to process a recording, divided by its duration.

    Each session has its own engine, which recognises, translates and speaks all of it. Below 1 the
    engines keep up with live speech. Raises TimeoutError after five minutes.
    """
    speech = Speech.of_sentences(sentences)
    engines = [OfflineEngine() for _ in range(sessions)]
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            for engine in engines:  # start the programs before measuring
                await _interpret(engine, Speech.of_sentences(1), targets)
            started_at = time.monotonic()
            await asyncio.gather(*(_interpret(engine, speech, targets) for engine in engines))
            return (time.monotonic() - started_at) / speech.seconds
    finally:
        for engine in engines:
            await engine.close()


async def _interpret(engine: Engine, speech: Speech, targets: Sequence[str]) -> None:
    async with engine.recogniser("en", _SAMPLE_RATE_HZ) as recogniser:

        async def feed() -> None:
            for number, chunk in enumerate(speech.chunks):
                await recogniser.hear(FloorChunk(number * speech.chunk_ms, chunk))
            await recogniser.finish()

        feeding = asyncio.create_task(feed())
        async for recognised in recogniser.results():
            if recognised.final and recognised.text:
                for target in targets:
                    text = await engine.translate(recognised.text, "en", target)
                    await engine.speak(text, target, _SAMPLE_RATE_HZ, 1.0)
        await feeding
