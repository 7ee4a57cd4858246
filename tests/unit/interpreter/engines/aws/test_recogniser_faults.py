"""Recovery of the recogniser from faults of Transcribe and the network."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from interpreter.engine import EngineError
from interpreter.engines.aws.error_mapping import LimitExceededError, RequestRefusedError
from interpreter.engines.aws.event_stream import encode
from tests.helpers.aws_speech import (
    SENTENCES,
    AwsSpeech,
    ConnectionDropped,
    ExceptionSent,
    InvalidMessage,
    NeverCloses,
    NoResults,
    Refused,
    floor_pcm,
    loud,
    silent,
)
from tests.helpers.aws_speech.faults import StreamFault
from tests.helpers.doubles import ManualClock
from tests.unit.interpreter.engines.aws.support import (
    EPOCH,
    QUICK,
    RATE,
    engine_on,
    finals,
    hear,
    next_final,
    remaining,
)

NO_AUDIO = "Your request timed out because no new audio was received for 15 seconds."
EVENT = {":message-type": "event", ":event-type": "TranscriptEvent"}
LOST: list[StreamFault] = [
    ConnectionDropped(900),
    ExceptionSent("InternalFailureException", 900),
    ExceptionSent("ServiceUnavailableException", 900),
    ExceptionSent("ConflictException", 900),
    ExceptionSent("LimitExceededException", 900),
    ExceptionSent("BadRequestException", 900, NO_AUDIO),
    ExceptionSent("SomethingNewException", 900),
    InvalidMessage(b"\0" * 40, 900),
    InvalidMessage(b"\0\0\1\0", 900),
    InvalidMessage("{}", 900),
    InvalidMessage(encode(EVENT, b"no json"), 900),
    InvalidMessage(encode(EVENT, b'{"Transcript": {"Results": [{"EndTime": "late"}]}}'), 900),
    InvalidMessage(encode(EVENT, b'{"Transcript": {"Results": 7}}'), 900),
]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_lost_stream_loses_no_sentence(fault: StreamFault) -> None:
    with AwsSpeech() as aws:
        aws.inject_stream(fault)
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_pcm())
            await recogniser.finish()
            heard = await finals(recogniser)

    assert len(aws.streams) == 2
    assert [result.text for result in heard] == list(SENTENCES)
    assert heard[0].timestamp == EPOCH
    assert heard[1].timestamp == pytest.approx(EPOCH + 1750, abs=40)


async def test_final_sentences_are_not_repeated(aws: AwsSpeech) -> None:
    aws.inject_stream(
        ConnectionDropped(2_600),
        ConnectionDropped(1_000),
        ExceptionSent("InternalFailureException", 500),
    )
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, floor_pcm(SENTENCES[:1]))
        first = await next_final(results)
        await hear(recogniser, floor_pcm(SENTENCES[1:], first=1), EPOCH + 1_750)
        await recogniser.finish()
        others = [result async for result in results if result.final]

    assert len(aws.streams) == 4
    assert [result.text for result in (first, *others)] == list(SENTENCES)
    ends = [first.end_timestamp, *(result.end_timestamp for result in others)]
    starts = [result.timestamp for result in others]
    assert all(end <= start for end, start in zip(ends[:-1], starts, strict=True))


async def test_audio_received_without_a_stream_is_recognised_later(aws: AwsSpeech) -> None:
    aws.inject_stream(
        ConnectionDropped(100), Refused("ServiceUnavailableException", 503), Refused("", 500)
    )
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_pcm())
        await recogniser.finish()
        heard = await finals(recogniser)

    assert [result.text for result in heard] == list(SENTENCES)


async def test_a_bad_request_is_not_retried(aws: AwsSpeech) -> None:
    aws.inject_stream(ExceptionSent("BadRequestException", 300, "Your request is bad."))
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, loud(500))
        with pytest.raises(RequestRefusedError, match="BadRequestException") as refused:
            await remaining(recogniser)
        with pytest.raises(RequestRefusedError):
            await hear(recogniser, loud(100))
        with pytest.raises(RequestRefusedError):
            await recogniser.finish()

    assert not refused.value.retryable
    assert len(aws.streams) == 1


async def test_a_stream_that_does_not_end_times_out(aws: AwsSpeech) -> None:
    aws.inject_stream(NeverCloses())
    timing = replace(QUICK, finish=0.1)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, loud(1_250) + silent(300))
        heard = [await next_final(results)]
        await recogniser.finish()
        heard += [result async for result in results]

    assert [result.text for result in heard] == [SENTENCES[0]]


async def test_recogniser_gives_up_after_too_many_attempts(aws: AwsSpeech) -> None:
    aws.inject_stream(*[ExceptionSent("LimitExceededException")] * 10)
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, loud(500))
        with pytest.raises(LimitExceededError) as given_up:
            await remaining(recogniser)

    assert given_up.value.retryable
    assert len(aws.streams) == QUICK.attempts


async def test_failures_of_steady_streams_do_not_add_up(aws: AwsSpeech) -> None:
    # Six failures in a row would be too many if the streams did not count as steady.
    aws.inject_stream(*[ConnectionDropped(0)] * 8)
    timing = replace(QUICK, steady=0.0)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_pcm(SENTENCES[:1]))
        await recogniser.finish()
        assert len(await finals(recogniser)) == 1

    assert len(aws.streams) == 9


async def test_a_stream_without_results_is_replaced(aws: AwsSpeech) -> None:
    clock = ManualClock()
    aws.inject_stream(NoResults())
    timing = replace(QUICK, no_result=1.0, error_grace=0.01)
    async with (
        engine_on(aws, timing, clock=clock) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        await hear(recogniser, loud(1_150))
        await aws.until(lambda: any(stream.heard_ms == 1_150 for stream in aws.streams))
        clock.advance(1_500)
        await hear(recogniser, loud(100) + silent(500), EPOCH + 1_150)
        await recogniser.finish()
        heard = await finals(recogniser)

    assert [result.text for result in heard] == [SENTENCES[0]]
    assert len(aws.streams) == 2


async def test_an_utterance_without_words_is_dropped() -> None:
    with AwsSpeech(sentences=["", "It is late."]) as aws:
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_pcm(["One two.", "One two."]))
            await recogniser.finish()
            heard = await remaining(recogniser)

    assert {result.text for result in heard if result.final} == {"It is late."}
    assert "" not in {result.text for result in heard}


async def test_stable_sentences_are_final_before_a_pause() -> None:
    with AwsSpeech(sentences=["It is late. We go home now, all of us."]) as aws:
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            results = recogniser.results()
            # No silence yet, and three words are still missing.
            await hear(recogniser, loud(1_800))
            early = await next_final(results)
            await hear(recogniser, loud(700) + silent(500), EPOCH + 1_800)
            await recogniser.finish()
            late = [result async for result in results if result.final]

    assert early.text == "It is late."
    assert [result.text for result in late] == ["We go home now, all of us."]
    assert early.end_timestamp <= late[0].timestamp


async def test_closing_does_not_wait_for_the_next_attempt(aws: AwsSpeech) -> None:
    aws.inject_stream(ConnectionDropped(0))
    timing = replace(QUICK, first_delay=3_600.0, last_delay=3_600.0)
    async with (
        asyncio.timeout(60),
        engine_on(aws, timing) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        await hear(recogniser, loud(300))
        await aws.until(lambda: [stream.closed for stream in aws.streams] == [True])

    assert len(aws.streams) == 1


async def test_logs_contain_neither_speech_nor_signatures(
    aws: AwsSpeech, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    aws.inject_stream(ExceptionSent("InternalFailureException", 700, "at: One two three"))
    aws.inject("translate", Refused("InvalidRequestException"))
    async with engine_on(aws) as engine:
        async with engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_pcm())
            await recogniser.finish()
            await remaining(recogniser)
        with pytest.raises(EngineError):
            await engine.translate("One two three", "en", "es")
        text = await engine.translate("One two three", "en", "es")
        await engine.speak(text, "es", RATE, 1.2)

    assert "InternalFailureException" in caplog.text
    for secret in ("two three", "time to finish", "X-Amz-Signature", "a+session", "a%2Bsession"):
        assert secret not in caplog.text
