"""Errors, throttling, truncated responses and size limits of Translate and Polly."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.aws.call_pool import CallPool
from interpreter.engines.aws.error_mapping import (
    SPEAK,
    TRANSLATE,
    ConnectionLostError,
    LimitExceededError,
    RequestRefusedError,
    from_botocore_error,
    from_client_error,
)
from tests.helpers.aws_speech import AwsSpeech, Refused, Stalled, Truncated
from tests.helpers.aws_speech.faults import HttpFault
from tests.helpers.aws_speech.services import CHARACTER_MS, operation
from tests.unit.interpreter.engines.aws.support import RATE, engine_on

# Engine error of each error in the service models. An error that AWS adds fails the test.
MAPPING: dict[str, type[EngineError]] = {
    "InvalidRequestException": RequestRefusedError,
    "TextSizeLimitExceededException": RequestRefusedError,
    "TooManyRequestsException": LimitExceededError,
    "UnsupportedLanguagePairException": UnsupportedLanguageError,
    "DetectedLanguageLowConfidenceException": RequestRefusedError,
    "ResourceNotFoundException": RequestRefusedError,
    "InternalServerException": ConnectionLostError,
    "ServiceUnavailableException": ConnectionLostError,
    "TextLengthExceededException": RequestRefusedError,
    "InvalidSampleRateException": RequestRefusedError,
    "InvalidSsmlException": RequestRefusedError,
    "LexiconNotFoundException": RequestRefusedError,
    "ServiceFailureException": ConnectionLostError,
    "MarksNotSupportedForFormatException": RequestRefusedError,
    "SsmlMarksNotSupportedForTextTypeException": RequestRefusedError,
    "LanguageNotSupportedException": UnsupportedLanguageError,
    "EngineNotSupportedException": RequestRefusedError,
}


@pytest.mark.parametrize(("service", "action"), [("translate", TRANSLATE), ("polly", SPEAK)])
def test_every_error_of_the_service_models_is_mapped(service: str, action: str) -> None:
    for shape in operation(service).error_shapes:
        response = ClientError(
            {
                "Error": {"Code": shape.name, "Message": "what was said"},
                "ResponseMetadata": {"HTTPStatusCode": shape.metadata["error"]["httpStatusCode"]},  # type: ignore[typeddict-item]
            },
            operation(service).name,
        )
        mapped = from_client_error(response, action)

        assert type(mapped) is MAPPING[shape.name]
        assert action in str(mapped)
        assert "what was said" not in str(mapped)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(NoCredentialsError(), EngineUnavailableError), (BotoCoreError(), ConnectionLostError)],
)
def test_botocore_errors_are_mapped(error: BotoCoreError, kind: type[EngineError]) -> None:
    assert type(from_botocore_error(error, SPEAK)) is kind


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([Refused("ThrottlingException", 400)] * 2, LimitExceededError),
        ([Refused("TooManyRequestsException")] * 2, LimitExceededError),
        ([Refused("AccessDeniedException")], EngineUnavailableError),
        ([Refused("ExpiredTokenException")], EngineUnavailableError),
        ([Refused("InvalidRequestException")], RequestRefusedError),
        ([Truncated()], ConnectionLostError),
    ],
    ids=str,
)
async def test_translate_errors_are_mapped(
    aws: AwsSpeech, faults: list[HttpFault], kind: type[EngineError]
) -> None:
    aws.inject("translate", *faults)
    async with engine_on(aws) as engine:
        with pytest.raises(kind, match="translate:TranslateText") as refused:
            await engine.translate("Good morning.", "en", "es")
        assert "morning" not in str(refused.value)
        assert await engine.translate("Good morning.", "en", "es") == "[es] Good morning."


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([Refused("ThrottlingException", 400)] * 2, LimitExceededError),
        ([Refused("AccessDeniedException", 403)], EngineUnavailableError),
        ([Refused("ServiceFailureException")] * 2, ConnectionLostError),
        ([Refused("TextLengthExceededException")], RequestRefusedError),
        ([Truncated()], ConnectionLostError),
    ],
    ids=str,
)
async def test_polly_errors_are_mapped(
    aws: AwsSpeech, faults: list[HttpFault], kind: type[EngineError]
) -> None:
    aws.inject("polly", *faults)
    async with engine_on(aws) as engine:
        with pytest.raises(kind, match="polly:SynthesizeSpeech"):
            await engine.speak("Buenos días.", "es", RATE, 1.0)
        assert await engine.speak("Buenos días.", "es", RATE, 1.0)


async def test_a_throttled_request_is_retried(aws: AwsSpeech) -> None:
    aws.inject("translate", Refused("ThrottlingException", 400))
    async with engine_on(aws) as engine:
        assert await engine.translate("One", "en", "es") == "[es] One"


async def test_a_hanging_call_times_out(aws: AwsSpeech) -> None:
    aws.inject("polly", Stalled(), Stalled())
    aws.inject("translate", Stalled(), Stalled())
    async with engine_on(aws, call_seconds=0.2) as engine:
        with pytest.raises(ConnectionLostError, match="longer"):
            await engine.translate("One", "en", "es")
        with pytest.raises(ConnectionLostError, match="longer"):
            await engine.speak("Uno", "es", RATE, 1.0)


async def test_an_unsupported_language_pair_is_an_error() -> None:
    with AwsSpeech(unknown_pairs=frozenset({("cy", "ka")})) as aws:
        async with engine_on(aws) as engine:
            with pytest.raises(UnsupportedLanguageError):
                await engine.translate("Bore da.", "cy", "ka")


async def test_a_long_text_is_translated_in_pieces(aws: AwsSpeech) -> None:
    sentences = [f"Sentence number {number} is \u00fcber." for number in range(900)]
    async with engine_on(aws) as engine:
        translated = await engine.translate(" ".join(sentences), "en", "es")

    sent = [request.members["Text"] for request in aws.served]
    assert len(sent) == 3
    assert " ".join(sent) == " ".join(sentences)
    assert translated == " ".join(f"[es] {text}" for text in sent)


@pytest.mark.parametrize("speed", [1.0, 1.5])
async def test_a_long_text_is_spoken_in_pieces(aws: AwsSpeech, speed: float) -> None:
    text = " ".join(f"Frase & {number}." for number in range(400))
    async with engine_on(aws) as engine:
        pcm = await engine.speak(text, "es", 8_000, speed)

    split_text = len(aws.served)
    assert split_text == 2
    spoken = len(text) - (split_text - 1)  # the spaces between them
    assert len(pcm) / 16 == pytest.approx(spoken * CHARACTER_MS / speed, rel=0.01)


async def test_standard_voices_replace_missing_neural_ones() -> None:
    with AwsSpeech(neural=False) as aws:
        async with engine_on(aws, tier="premium") as engine:
            assert await engine.speak("Hola", "es", RATE, 1.0)
            assert await engine.speak("Hola", "es", RATE, 1.0)
            # Catalan has no standard voice.
            with pytest.raises(RequestRefusedError, match="EngineNotSupportedException"):
                await engine.speak("Bon dia", "ca", RATE, 1.0)

    assert [request.members["Engine"] for request in aws.served] == ["standard"] * 2


async def test_a_timed_out_call_keeps_its_slot() -> None:
    calls = CallPool(1, 0.1)
    finish = threading.Event()
    try:
        with pytest.raises(ConnectionLostError):
            await calls.run(SPEAK, finish.wait)
        # The thread is still busy and occupies its slot.
        with pytest.raises(ConnectionLostError):
            await calls.run(SPEAK, lambda: None)
        finish.set()
        assert await slot_is_free(calls)
    finally:
        finish.set()
        calls.close()


async def slot_is_free(calls: CallPool) -> bool:
    """Whether a call gets a slot soon."""
    for _ in range(100):
        with suppress(ConnectionLostError):
            return await calls.run(SPEAK, lambda: True)
    return False
