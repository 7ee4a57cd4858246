"""The AWS engine on the three fake services, without faults."""

from __future__ import annotations

import asyncio

import pytest

from interpreter.engine import EngineUnavailableError, RecognitionResult, UnsupportedLanguageError
from interpreter.engines.aws.engine import AwsEngine
from tests.helpers.aws_speech import AwsSpeech, boto_session, floor_pcm, loud, silent
from tests.unit.interpreter.engines.aws.support import (
    EPOCH,
    RATE,
    chunks,
    engine_on,
    finals,
    hear,
    next_final,
    remaining,
)


async def test_a_floor_is_recognised_sentence_by_sentence(engine: AwsEngine) -> None:
    async with engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_pcm(["One two three.", "It is late."]))
        await recogniser.finish()
        heard = await finals(recogniser)

    assert [result.text for result in heard] == [
        "One two three four five.",
        "We need more time to finish the work.",
    ]
    # Three words of 250 ms, without the half second of silence after them.
    assert heard[0].timestamp == EPOCH
    assert heard[0].end_timestamp == pytest.approx(EPOCH + 750, abs=20)
    assert heard[1].timestamp == pytest.approx(EPOCH + 1250, abs=20)


async def test_partial_results_arrive_before_the_end(engine: AwsEngine) -> None:
    async with engine.recogniser("en", RATE) as recogniser:
        results = recogniser.results()
        await hear(recogniser, loud(800))
        first = await anext(results)
        await recogniser.finish()
        last = await next_final(results)

    assert not first.final
    assert last.text.startswith(first.text)


async def test_result_times_follow_the_floor_over_a_gap(engine: AwsEngine) -> None:
    async with engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, floor_pcm(["One two three."]))
        await hear(recogniser, floor_pcm(["It is late."]), EPOCH + 60_000)
        await recogniser.finish()
        heard = await finals(recogniser)

    assert heard[1].timestamp == pytest.approx(EPOCH + 60_000, abs=20)


async def test_audio_is_sent_to_transcribe_unchanged(engine: AwsEngine, aws: AwsSpeech) -> None:
    pcm = floor_pcm()
    async with engine.recogniser("de-ch", RATE) as recogniser:
        await hear(recogniser, pcm)
        await recogniser.finish()
        await remaining(recogniser)

    (stream,) = aws.streams
    assert stream.pcm == pcm
    assert stream.ended
    assert stream.parameters["language-code"] == "de-CH"
    assert stream.parameters["sample-rate"] == "16000"


async def test_a_chunk_of_a_second_at_48_khz_is_sent_in_pieces(
    engine: AwsEngine, aws: AwsSpeech
) -> None:
    async with engine.recogniser("en", 48_000) as recogniser:
        for chunk in chunks(loud(1_000, 48_000) + silent(500, 48_000), EPOCH, 480_000):
            await recogniser.hear(chunk)
        await recogniser.finish()
        heard = await finals(recogniser)

    assert len(heard) == 1
    assert len(aws.streams[0].pcm) == 144_000


async def test_a_recogniser_without_audio_has_no_results(engine: AwsEngine) -> None:
    async with engine.recogniser("en", RATE) as recogniser:
        await recogniser.finish()
        assert await remaining(recogniser) == []


async def test_closing_without_finish_closes_the_stream(engine: AwsEngine, aws: AwsSpeech) -> None:
    async with engine.recogniser("en", RATE) as recogniser:
        await hear(recogniser, loud(300))

    await aws.until(lambda: [stream.closed for stream in aws.streams] == [True])
    assert not aws.streams[0].ended


async def test_two_floors_are_recognised_independently(engine: AwsEngine) -> None:
    async def one(language: str) -> list[RecognitionResult]:
        async with engine.recogniser(language, RATE) as recogniser:
            await hear(recogniser, floor_pcm(["One two three."]))
            await recogniser.finish()
            return await finals(recogniser)

    both = await asyncio.gather(one("en"), one("fr"))

    assert [len(heard) for heard in both] == [1, 1]


async def test_a_text_is_translated() -> None:
    with AwsSpeech(table={("pt-PT", "Good morning & welcome."): "Bom dia e bem-vindo."}) as aws:
        async with engine_on(aws) as engine:
            text = await engine.translate("Good morning & welcome.", "en-gb", "pt-pt")
            assert text == "Bom dia e bem-vindo."
        assert aws.served[0].members["SourceLanguageCode"] == "en"


async def test_a_text_is_spoken_at_the_requested_speed(engine: AwsEngine) -> None:
    normal = await engine.speak("Uno, dos < tres & más", "es", RATE, 1.0)
    fast = await engine.speak("Uno, dos < tres & más", "es", RATE, 1.5)

    assert len(fast) == pytest.approx(len(normal) / 1.5, rel=0.01)
    assert len(normal) == 2 * RATE * 60 * len("Uno, dos < tres & más") // 1000


@pytest.mark.parametrize("rate", [8_000, 11_025, 24_000, 48_000])
async def test_speech_has_the_requested_sample_rate(engine: AwsEngine, rate: int) -> None:
    pcm = await engine.speak("Buenos días", "es", rate, 1.0)

    assert len(pcm) / 2 / rate == pytest.approx(0.060 * len("Buenos días"), abs=0.001)


async def test_polly_synthesises_8_khz_directly(engine: AwsEngine, aws: AwsSpeech) -> None:
    await engine.speak("Hola", "es", 8_000, 1.0)

    assert aws.served[0].members["SampleRate"] == "8000"


@pytest.mark.parametrize(("tier", "kind"), [("standard", "standard"), ("premium", "neural")])
async def test_the_tier_chooses_the_voices(aws: AwsSpeech, tier: str, kind: str) -> None:
    async with engine_on(aws, tier=tier) as engine:
        await engine.speak("Hola", "es-mx", RATE, 1.0)

    members = aws.served[0].members
    assert (members["Engine"], members["VoiceId"]) == (kind, "Mia")


async def test_the_only_kind_of_voice_of_a_language_is_used(aws: AwsSpeech) -> None:
    async with engine_on(aws, tier="standard") as engine:
        await engine.speak("Bon dia", "ca", RATE, 1.0)
    async with engine_on(aws, tier="premium") as engine:
        await engine.speak("Привет", "ru", RATE, 1.0)

    assert [request.members["Engine"] for request in aws.served] == ["neural", "standard"]


async def test_empty_texts_make_no_calls(engine: AwsEngine, aws: AwsSpeech) -> None:
    assert await engine.translate(" \n", "en", "es") == ""
    assert await engine.speak("\0 ", "es", RATE, 1.0) == b""
    assert aws.served == []


async def test_targets_are_supported_by_all_three_services(engine: AwsEngine) -> None:
    targets = engine.targets("en")

    assert {"es", "es-mx", "ca", "de", "fr-ca", "pt-br", "zh"} <= targets
    assert "en" not in targets
    assert "en-gb" not in targets
    # Transcribe recognises Ukrainian, but Polly does not speak it.
    assert "uk" not in targets
    assert "en" in engine.targets("uk")
    with pytest.raises(UnsupportedLanguageError, match="tlh"):
        engine.targets("tlh")


@pytest.mark.parametrize("code", ["tlh", "eu"])
async def test_unsupported_languages_are_named(engine: AwsEngine, code: str) -> None:
    # Basque is recognised, but neither translated nor spoken.
    with pytest.raises(UnsupportedLanguageError, match=code):
        await engine.translate("Hello", "en", code)
    with pytest.raises(UnsupportedLanguageError, match=code):
        await engine.speak("Hello", code, RATE, 1.0)
    with pytest.raises(UnsupportedLanguageError):
        async with engine.recogniser("tlh", RATE):
            pass


async def test_a_missing_region_makes_the_engine_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(EngineUnavailableError, match="Region"):
        AwsEngine()


async def test_engine_can_be_configured_by_the_environment(
    aws: AwsSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    engine = AwsEngine()
    try:
        async with engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_pcm(["One two three."]))
            await recogniser.finish()
            assert len(await finals(recogniser)) == 1
        assert await engine.translate("One", "en", "es") == "[es] One"
        assert await engine.speak("Uno", "es", RATE, 1.0)
    finally:
        await engine.close()


async def test_a_closed_engine_refuses_calls(aws: AwsSpeech) -> None:
    engine = AwsEngine(session=boto_session(), endpoints=aws.endpoints)
    await engine.close()
    await engine.close()

    with pytest.raises(Exception, match="closed"):
        await engine.translate("One", "en", "es")
