"""Errors of streams that cannot be opened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.credentials import ReadOnlyCredentials

from interpreter.engine import EngineError, EngineUnavailableError
from interpreter.engines.aws.engine import AwsEngine
from interpreter.engines.aws.error_mapping import LimitExceededError, RequestRefusedError
from tests.helpers.aws_speech import (
    CREDENTIALS,
    AwsSpeech,
    Refused,
    Stalled,
    boto_session,
)
from tests.helpers.aws_speech.faults import StreamFault
from tests.unit.interpreter.engines.aws.support import QUICK, RATE, engine_on


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
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
async def test_handshake_errors_are_mapped(
    aws: AwsSpeech, fault: StreamFault, kind: type[EngineError], message: str
) -> None:
    aws.inject_stream(fault)
    timing = replace(QUICK, open=0.2) if isinstance(fault, Stalled) else QUICK
    async with engine_on(aws, timing) as engine:
        with pytest.raises(kind, match=message) as failed:
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
async def test_invalid_credentials_make_the_engine_unavailable(
    aws: AwsSpeech, credentials: ReadOnlyCredentials
) -> None:
    engine = AwsEngine(session=boto_session(credentials), endpoints=aws.endpoints)
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


async def test_an_unreachable_endpoint_is_a_retryable_error() -> None:
    with AwsSpeech() as aws:
        endpoints = aws.endpoints
    engine = AwsEngine(session=boto_session(), endpoints=endpoints)
    try:
        with pytest.raises(EngineError, match="cannot be reached") as failed:
            async with engine.recogniser("en", RATE):
                pass
    finally:
        await engine.close()
    assert failed.value.retryable
