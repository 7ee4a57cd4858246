"""The recogniser, as Transcribe and the network are at their worst."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from botocore.credentials import ReadOnlyCredentials

from interpreter.aws.engine import AwsEngine
from interpreter.aws.event_stream import encode
from interpreter.aws.failures import LimitExceededError, RequestRefusedError
from interpreter.engine import EngineError, EngineUnavailableError
from tests.helpers.aws_speech import (
    CREDENTIALS,
    SENTENCES,
    AwsSpeech,
    Deaf,
    Dropped,
    Garbage,
    Never,
    Refused,
    Stalled,
    Thrown,
    floor_of,
    loud,
    session_of,
    silent,
)
from tests.helpers.aws_speech.troubles import StreamTrouble
from tests.helpers.doubles import ManualClock
from tests.unit.interpreter.aws.support import (
    EPOCH,
    QUICK,
    RATE,
    engine_on,
    finals,
    hear,
    next_final,
    rest,
)

NO_AUDIO = "Your request timed out because no new audio was received for 15 seconds."
EVENT = {":message-type": "event", ":event-type": "TranscriptEvent"}
LOST: list[StreamTrouble] = [
    Dropped(900),
    Thrown("InternalFailureException", 900),
    Thrown("ServiceUnavailableException", 900),
    Thrown("ConflictException", 900),
    Thrown("LimitExceededException", 900),
    Thrown("BadRequestException", 900, NO_AUDIO),
    Thrown("SomethingNewException", 900),
    Garbage(b"\0" * 40, 900),
    Garbage(b"\0\0\1\0", 900),
    Garbage("{}", 900),
    Garbage(encode(EVENT, b"no json"), 900),
    Garbage(encode(EVENT, b'{"Transcript": {"Results": [{"EndTime": "late"}]}}'), 900),
    Garbage(encode(EVENT, b'{"Transcript": {"Results": 7}}'), 900),
]


@pytest.mark.parametrize("trouble", LOST, ids=str)
async def test_a_stream_that_is_lost_costs_nothing(trouble: StreamTrouble) -> None:
    with AwsSpeech() as aws:
        aws.stream_trouble(trouble)
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_of())
            await recogniser.finish()
            heard = await finals(recogniser)

    assert len(aws.streams) == 2
    assert [result.text for result in heard] == list(SENTENCES)
    assert heard[0].timestamp == EPOCH
    assert heard[1].timestamp == pytest.approx(EPOCH + 1750, abs=40)


async def test_what_was_final_is_not_said_again(aws: AwsSpeech) -> None:
    aws.stream_trouble(Dropped(2_600), Dropped(1_000), Thrown("InternalFailureException", 500))
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, floor_of(SENTENCES[:1]))
        first = await next_final(results)
        await hear(recogniser, floor_of(SENTENCES[1:], first=1), EPOCH + 1_750)
        await recogniser.finish()
        others = [result async for result in results if result.final]

    assert len(aws.streams) == 4
    assert [result.text for result in (first, *others)] == list(SENTENCES)
    ends = [first.end_timestamp, *(result.end_timestamp for result in others)]
    starts = [result.timestamp for result in others]
    assert all(end <= start for end, start in zip(ends[:-1], starts, strict=True))


async def test_what_comes_in_while_there_is_no_stream_is_recognised_later(aws: AwsSpeech) -> None:
    aws.stream_trouble(Dropped(100), Refused("ServiceUnavailableException", 503), Refused("", 500))
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_of())
        await recogniser.finish()
        heard = await finals(recogniser)

    assert [result.text for result in heard] == list(SENTENCES)


async def test_a_bad_request_is_not_repeated(aws: AwsSpeech) -> None:
    aws.stream_trouble(Thrown("BadRequestException", 300, "Your request is bad."))
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, loud(500))
        with pytest.raises(RequestRefusedError, match="BadRequestException") as refused:
            await rest(recogniser)
        with pytest.raises(RequestRefusedError):
            await hear(recogniser, loud(100))
        with pytest.raises(RequestRefusedError):
            await recogniser.finish()

    assert not refused.value.retryable
    assert len(aws.streams) == 1


async def test_it_gives_up_in_the_end(aws: AwsSpeech) -> None:
    aws.stream_trouble(*[Thrown("LimitExceededException")] * 10)
    async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, loud(500))
        with pytest.raises(LimitExceededError) as given_up:
            await rest(recogniser)

    assert given_up.value.retryable
    assert len(aws.streams) == QUICK.attempts


async def test_streams_that_held_are_not_counted(aws: AwsSpeech) -> None:
    # Six of them would be too many in a row, were they not steady.
    aws.stream_trouble(*[Dropped(0)] * 8)
    timing = replace(QUICK, steady=0.0)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_of(SENTENCES[:1]))
        await recogniser.finish()
        assert len(await finals(recogniser)) == 1

    assert len(aws.streams) == 9


@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        (
            Refused("AccessDeniedException", 403),
            EngineUnavailableError,
            "transcribe:StartStreamTranscriptionWebSocket",
        ),
        (Refused("", 403), EngineUnavailableError, "StartStreamTranscriptionWebSocket"),
        (Refused("UnrecognizedClientException", 403), EngineUnavailableError, "credentials"),
        (Refused("BadRequestException", 400), RequestRefusedError, "BadRequestException"),
        (Refused("ThrottlingException", 400), LimitExceededError, "quota"),
        (Refused("", 429), LimitExceededError, "429"),
        (Refused("InternalFailureException", 500), EngineError, "InternalFailureException"),
        (Stalled(), EngineError, "does not answer"),
    ],
    ids=str,
)
async def test_a_handshake_that_fails_says_why(
    aws: AwsSpeech, trouble: StreamTrouble, kind: type[EngineError], says: str
) -> None:
    aws.stream_trouble(trouble)
    timing = replace(QUICK, open=0.2) if isinstance(trouble, Stalled) else QUICK
    async with engine_on(aws, timing) as engine:
        with pytest.raises(kind, match=says) as failed:
            async with engine.recogniser("en", RATE):
                pass

    assert failed.value.retryable == (kind not in {EngineUnavailableError, RequestRefusedError})


@pytest.mark.parametrize(
    "credentials",
    [
        ReadOnlyCredentials("AKIDOTHER", CREDENTIALS.secret_key, CREDENTIALS.token),
        ReadOnlyCredentials(CREDENTIALS.access_key, "other", CREDENTIALS.token),
        ReadOnlyCredentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, None),
    ],
)
async def test_credentials_that_are_wrong_are_told_of(
    aws: AwsSpeech, credentials: ReadOnlyCredentials
) -> None:
    engine = AwsEngine(session=session_of(credentials), endpoints=aws.endpoints)
    try:
        with pytest.raises(EngineUnavailableError, match="credentials"):
            async with engine.recogniser("en", RATE):
                pass
        with pytest.raises(EngineUnavailableError, match=r"translate:TranslateText"):
            await engine.translate("Hello", "en", "es")
        with pytest.raises(EngineUnavailableError, match=r"polly:SynthesizeSpeech"):
            await engine.speak("Hola", "es", RATE, 1.0)
    finally:
        await engine.close()


async def test_where_nobody_listens_it_says_so() -> None:
    with AwsSpeech() as aws:
        endpoints = aws.endpoints
    engine = AwsEngine(session=session_of(), endpoints=endpoints)
    try:
        with pytest.raises(EngineError, match="cannot be reached") as failed:
            async with engine.recogniser("en", RATE):
                pass
    finally:
        await engine.close()
    assert failed.value.retryable


async def test_silence_keeps_a_stream_alive_while_the_floor_is_silent(aws: AwsSpeech) -> None:
    timing = replace(QUICK, quiet=0.02, keep_alive=0.02)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        await aws.until(lambda: any(stream.heard_ms >= 1_000 for stream in aws.streams))
        await hear(recogniser, floor_of(["One two three."]))
        await recogniser.finish()
        (heard,) = await finals(recogniser)

    assert len(aws.streams) == 1
    assert heard.timestamp == pytest.approx(EPOCH, abs=20)
    assert heard.end_timestamp == pytest.approx(EPOCH + 750, abs=20)


async def test_an_utterance_ends_though_the_floor_stops_without_silence(aws: AwsSpeech) -> None:
    timing = replace(QUICK, quiet=0.02, keep_alive=5.0)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, loud(1_250))
        heard = await next_final(results)

    assert heard.text == SENTENCES[0]
    assert heard.end_timestamp == EPOCH + 1_260  # to the fake's 20 ms


async def test_an_old_stream_is_exchanged_at_a_pause(aws: AwsSpeech) -> None:
    clock = ManualClock()
    timing = replace(QUICK, roll_over=100.0, roll_over_latest=200.0)
    async with (
        engine_on(aws, timing, clock=clock) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        results = recogniser.results()
        await hear(recogniser, floor_of(SENTENCES[:1]))
        heard = [await next_final(results)]
        clock.advance(100_000)
        await hear(recogniser, floor_of(SENTENCES[1:], first=1), EPOCH + 1_750)
        await recogniser.finish()
        heard += [result async for result in results if result.final]

    assert [result.text for result in heard] == list(SENTENCES)
    assert [stream.ended for stream in aws.streams] == [True, True]


async def test_one_that_is_about_to_reach_four_hours_in_mid_sentence_too(aws: AwsSpeech) -> None:
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
    # Not a sample is lost between the two.
    assert sum(stream.heard_ms for stream in aws.streams) == 1_750
    assert last.end_timestamp == pytest.approx(EPOCH + 1_250, abs=40)


async def test_a_stream_that_says_nothing_to_speech_is_replaced(aws: AwsSpeech) -> None:
    clock = ManualClock()
    aws.stream_trouble(Deaf())
    timing = replace(QUICK, deaf=1.0, last_words=0.01)
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


async def test_a_stream_that_does_not_end_is_not_waited_for(aws: AwsSpeech) -> None:
    aws.stream_trouble(Never())
    timing = replace(QUICK, finish=0.1)
    async with engine_on(aws, timing) as engine, engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, floor_of(SENTENCES[:1]))
        heard = await next_final(results)
        await recogniser.finish()
        others = [result async for result in results]

    assert heard.text == SENTENCES[0]
    assert others == []


async def test_an_utterance_without_words_is_none() -> None:
    with AwsSpeech(sentences=["", "It is late."]) as aws:
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_of(["One two.", "One two."]))
            await recogniser.finish()
            heard = await rest(recogniser)

    assert {result.text for result in heard if result.final} == {"It is late."}
    assert "" not in {result.text for result in heard}


async def test_sentences_need_not_wait_for_a_pause() -> None:
    with AwsSpeech(sentences=["It is late. We go home now, all of us."]) as aws:
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            results = recogniser.results()
            # No silence, and three of the words are still to come.
            await hear(recogniser, loud(1_800))
            early = await next_final(results)
            await hear(recogniser, loud(700) + silent(500), EPOCH + 1_800)
            await recogniser.finish()
            late = [result async for result in results if result.final]

    assert early.text == "It is late."
    assert [result.text for result in late] == ["We go home now, all of us."]
    assert early.end_timestamp <= late[0].timestamp


async def test_leaving_does_not_wait_for_the_next_attempt(aws: AwsSpeech) -> None:
    aws.stream_trouble(Dropped(0))
    timing = replace(QUICK, first_delay=3_600.0, last_delay=3_600.0)
    async with (
        asyncio.timeout(60),
        engine_on(aws, timing) as engine,
        engine.recogniser("en", RATE) as recogniser,
    ):
        await hear(recogniser, loud(300))
        await aws.until(lambda: [stream.closed for stream in aws.streams] == [True])

    assert len(aws.streams) == 1


async def test_nothing_that_is_said_or_signed_is_logged(
    aws: AwsSpeech, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    aws.stream_trouble(Thrown("InternalFailureException", 700, "at: One two three"))
    aws.trouble("translate", Refused("InvalidRequestException"))
    async with engine_on(aws) as engine:
        async with engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_of())
            await recogniser.finish()
            await rest(recogniser)
        with pytest.raises(EngineError):
            await engine.translate("One two three", "en", "es")
        text = await engine.translate("One two three", "en", "es")
        await engine.speak(text, "es", RATE, 1.2)

    assert "InternalFailureException" in caplog.text
    for secret in ("two three", "time to finish", "X-Amz-Signature", "a+session", "a%2Bsession"):
        assert secret not in caplog.text
