"""The `aws` engine. See `error_mapping` for the IAM actions it needs."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import boto3
from botocore.credentials import ReadOnlyCredentials

from interpreter.engine import EngineUnavailableError, Recogniser, UnsupportedLanguageError
from interpreter.engines.aws.call_pool import CallPool
from interpreter.engines.aws.endpoints import Endpoints, stream_url, transcribe_endpoint
from interpreter.engines.aws.error_mapping import TRANSCRIBE, no_credentials
from interpreter.engines.aws.languages import transcribe_code, translate_code
from interpreter.engines.aws.recogniser import RandomFraction, TranscribeRecogniser
from interpreter.engines.aws.speaker import SPEAK_CONFIG, Speaker
from interpreter.engines.aws.stream import TranscribeStream
from interpreter.engines.aws.timing import Timing
from interpreter.engines.aws.translator import TRANSLATE_CONFIG, Translator
from interpreter.engines.aws.voices import SPOKEN_LANGUAGES, Gender, Kind
from shared.utils.clock import Clock, SystemClock

# Enough for one session: a few languages, with one or two sentences each.
_MAX_CALLS = 16
# Later results are useless to a live session.
_CALL_SECONDS = 6.0
_KINDS: dict[str, Kind] = {"standard": "standard", "premium": "neural"}


class AwsEngine:
    """Engine on Transcribe, Translate and Polly, for use within one event loop.

    Sessions of the tier `premium` get neural voices where available. Region and credentials come
    from the boto3 session, custom endpoints from `endpoints` or the environment. `call_seconds`
    limits each call, including retries; a long text takes several calls. Raises
    EngineUnavailableError if no Region is configured.
    """

    name = "aws"

    def __init__(
        self,
        tier: str = "standard",
        *,
        session: boto3.Session | None = None,
        endpoints: Endpoints | None = None,
        gender: Gender = "female",
        timing: Timing | None = None,
        call_seconds: float = _CALL_SECONDS,
        clock: Clock | None = None,
        random_fraction: RandomFraction = random.random,
    ) -> None:
        self._session = session or boto3.Session()
        region = self._session.region_name
        if not region:
            raise EngineUnavailableError("no AWS Region is configured; set AWS_DEFAULT_REGION")
        endpoints = endpoints or Endpoints.from_environment(os.environ)
        self._region = region
        self._endpoint = endpoints.transcribe or transcribe_endpoint(region)
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._random_fraction = random_fraction
        self._calls = CallPool(_MAX_CALLS, call_seconds)
        self._translator = Translator(
            self._session.client(
                "translate", endpoint_url=endpoints.translate, config=TRANSLATE_CONFIG
            ),
            self._calls,
        )
        self._speaker = Speaker(
            self._session.client("polly", endpoint_url=endpoints.polly, config=SPEAK_CONFIG),
            self._calls,
            _KINDS.get(tier, "standard"),
            gender,
        )

    def targets(self, source: str) -> frozenset[str]:
        """See `Engine`. The languages of Translate and Polly, except the source itself."""
        own = translate_code(source)
        if transcribe_code(source) is None or own is None:
            raise UnsupportedLanguageError(f"AWS cannot interpret from {source}")
        return frozenset(
            language for language in SPOKEN_LANGUAGES if translate_code(language) not in {None, own}
        )

    def recogniser(
        self, language: str, sample_rate: int
    ) -> AbstractAsyncContextManager[Recogniser]:
        """See `Engine`."""
        return self._recogniser(language, sample_rate)

    @asynccontextmanager
    async def _recogniser(self, language: str, sample_rate: int) -> AsyncIterator[Recogniser]:
        code = transcribe_code(language)
        if code is None:
            raise UnsupportedLanguageError(f"Amazon Transcribe does not support {language}")

        async def open_stream() -> TranscribeStream:
            credentials = await self._calls.run(TRANSCRIBE, self._credentials)
            url = stream_url(self._endpoint, self._region, credentials, code, sample_rate)
            return await TranscribeStream.open(url, sample_rate, self._timing)

        recogniser = TranscribeRecogniser(
            open_stream,
            sample_rate,
            timing=self._timing,
            clock=self._clock,
            random_fraction=self._random_fraction,
        )
        try:
            await recogniser.start()
            yield recogniser
        finally:
            await recogniser.close()

    def _credentials(self) -> ReadOnlyCredentials:
        """Resolve the current credentials, in a thread since they may have to be fetched."""
        resolved = self._session.get_credentials()
        if resolved is None:
            raise no_credentials(TRANSCRIBE)
        return resolved.get_frozen_credentials()

    async def translate(self, text: str, source: str, target: str) -> str:
        """See `Engine`."""
        return await self._translator.translate(text, source, target)

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """See `Engine`."""
        return await self._speaker.speak(text, language, sample_rate, speed)

    async def close(self) -> None:
        """See `Engine`."""
        self._calls.close()
