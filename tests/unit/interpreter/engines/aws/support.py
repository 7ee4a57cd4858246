"""Floor audio and results for tests of the AWS engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from interpreter.engine import FloorChunk, Recogniser, RecognitionResult
from interpreter.engines.aws.engine import AwsEngine
from interpreter.engines.aws.timing import Timing
from shared.utils.clock import Clock
from tests.helpers.aws_speech import AwsSpeech, boto_session

# No delays, and timeouts long enough for any server response.
QUICK = Timing(
    open=30.0,
    send=30.0,
    finish=30.0,
    error_grace=30.0,
    first_delay=0.0,
    last_delay=0.0,
    limited_delay=0.0,
)
EPOCH = 1_700_000_000_000
RATE = 16_000
_CHUNK_MS = 100


def chunks(pcm: bytes, timestamp: int = EPOCH, sample_rate: int = RATE) -> Iterator[FloorChunk]:
    """Split audio into consecutive chunks of 100 ms."""
    size = sample_rate * 2 * _CHUNK_MS // 1000
    for index, start in enumerate(range(0, len(pcm), size)):
        yield FloorChunk(timestamp + index * _CHUNK_MS, pcm[start : start + size])


async def hear(recogniser: Recogniser, pcm: bytes, timestamp: int = EPOCH) -> None:
    """Send all audio at once."""
    for chunk in chunks(pcm, timestamp):
        await recogniser.hear(chunk)


async def remaining(recogniser: Recogniser) -> list[RecognitionResult]:
    """All results until the end."""
    return [result async for result in recogniser.results()]


async def finals(recogniser: Recogniser) -> list[RecognitionResult]:
    """All final results until the end."""
    return [result for result in await remaining(recogniser) if result.final]


async def next_final(results: AsyncIterator[RecognitionResult]) -> RecognitionResult:
    """The next final result."""
    while True:
        result = await anext(results)
        if result.final:
            return result


@asynccontextmanager
async def engine_on(
    aws: AwsSpeech,
    timing: Timing = QUICK,
    tier: str = "standard",
    clock: Clock | None = None,
    call_seconds: float = 30.0,
) -> AsyncIterator[AwsEngine]:
    """An engine on the fake server."""
    engine = AwsEngine(
        tier,
        session=boto_session(),
        endpoints=aws.endpoints,
        timing=timing,
        clock=clock,
        call_seconds=call_seconds,
    )
    try:
        yield engine
    finally:
        await engine.close()
