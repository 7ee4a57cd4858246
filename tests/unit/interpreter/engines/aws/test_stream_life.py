"""Keep-alive of streams in silence, and replacement before the maximum age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.aws_speech import (
    SENTENCES,
    AwsSpeech,
    floor_pcm,
    loud,
    silent,
)
from tests.helpers.doubles import ManualClock
from tests.unit.interpreter.engines.aws.support import (
    EPOCH,
    QUICK,
    RATE,
    engine_on,
    finals,
    hear,
    next_final,
)


async def test_silence_keeps_a_stream_alive(aws: AwsSpeech) -> None:
    timing = replace(QUICK, quiet=0.02, keep_alive=0.02)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        await aws.until(lambda: any(stream.heard_ms >= 1_000 for stream in aws.streams))
        await hear(recogniser, floor_pcm(["One two three."]))
        await recogniser.finish()
        (heard,) = await finals(recogniser)

    assert len(aws.streams) == 1
    assert heard.timestamp == pytest.approx(EPOCH, abs=20)
    assert heard.end_timestamp == pytest.approx(EPOCH + 750, abs=20)


async def test_an_utterance_ends_when_audio_stops_without_silence(aws: AwsSpeech) -> None:
    timing = replace(QUICK, quiet=0.02, keep_alive=5.0)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, loud(1_250))
        heard = await next_final(results)

    assert heard.text == SENTENCES[0]
    assert heard.end_timestamp == EPOCH + 1_260  # the fake rounds to 20 ms


async def test_an_old_stream_is_replaced_at_a_pause(aws: AwsSpeech) -> None:
    clock = ManualClock()
    timing = replace(QUICK, roll_over=100.0, roll_over_latest=200.0)
    async with (
        engine_on(aws, timing, clock=clock) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        results = recogniser.results()
        await hear(recogniser, floor_pcm(SENTENCES[:1]))
        heard = [await next_final(results)]
        clock.advance(100_000)
        await hear(recogniser, floor_pcm(SENTENCES[1:], first=1), EPOCH + 1_750)
        await recogniser.finish()
        heard += [result async for result in results if result.final]

    assert [result.text for result in heard] == list(SENTENCES)
    assert [stream.ended for stream in aws.streams] == [True, True]


async def test_a_stream_close_to_four_hours_is_replaced_in_mid_sentence(aws: AwsSpeech) -> None:
    clock = ManualClock()
    timing = replace(QUICK, roll_over=100.0, roll_over_latest=200.0)
    async with (
        engine_on(aws, timing, clock=clock) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        results = recogniser.results()
        await hear(recogniser, loud(600))
        await anext(results)
        clock.advance(150_000)
        await hear(recogniser, loud(100), EPOCH + 600)
        await aws.until(lambda: aws.streams[0].heard_ms == 700)
        assert not aws.streams[0].ended
        clock.advance(50_000)
        await hear(recogniser, loud(550) + silent(500), EPOCH + 700)
        await recogniser.finish()
        last = [result async for result in results if result.final][-1]

    assert [stream.ended for stream in aws.streams] == [True, True]
    # No sample is lost between the streams.
    assert sum(stream.heard_ms for stream in aws.streams) == 1_750
    assert last.end_timestamp == pytest.approx(EPOCH + 1_250, abs=40)
