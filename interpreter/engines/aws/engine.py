"""The engine `aws`. It needs the rights that `interpreter.engines.aws.error_mapping` names."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import boto3
from botocore.credentials import ReadOnlyCredentials

from interpreter.engine import EngineUnavailableError, Recogniser, UnsupportedLanguageError
from interpreter.engines.aws.calls import Calls
from interpreter.engines.aws.endpoints import Endpoints, stream_url, transcribe_endpoint
from interpreter.engines.aws.error_mapping import HEAR, no_credentials
from interpreter.engines.aws.languages import transcribe_code, translate_code
from interpreter.engines.aws.recogniser import Chance, TranscribeRecogniser
from interpreter.engines.aws.speaker import SPEAK_CONFIG, Speaker
from interpreter.engines.aws.stream import TranscribeStream
from interpreter.engines.aws.timing import Timing
from interpreter.engines.aws.translator import TRANSLATE_CONFIG, Translator
from interpreter.engines.aws.voices import SPOKEN_LANGUAGES, Gender, Kind
from shared.utils.clock import Clock, SystemClock

# One session: a few languages, a sentence or two of each at a time.
_MOST_CALLS = 16
# What comes later is of no use to a live session (s).
_CALL_SECONDS = 6.0
_KINDS: dict[str, Kind] = {"standard": "standard", "premium": "neural"}


class AwsEngine:
    """Transcribe, Translate and Polly. Use it within one event loop.

    A session of the tier `premium` has neural voices, where there are any. Region and credentials
    come from the boto3 session, other endpoints than AWS's from `endpoints` or the environment. No
    translation and no speech takes longer than `call_seconds`, retries included, for each piece of
    a text that is too long for one request.
    Raises EngineUnavailableError if no Region is configured.
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
        chance: Chance = random.random,
    ) -> None:
        self._session = session or boto3.Session()
        region = self._session.region_name
        if not region:
            raise EngineUnavailableError("no AWS Region is configured; set AWS_DEFAULT_REGION")
        endpoints = endpoints or Endpoints.of(os.environ)
        self._region = region
        self._endpoint = endpoints.transcribe or transcribe_endpoint(region)
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._chance = chance
        self._calls = Calls(_MOST_CALLS, call_seconds)
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
        """See `Engine`: what Translate and Polly know, but not the source's own language."""
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
            raise UnsupportedLanguageError(f"Amazon Transcribe cannot hear {language}")

        async def open_stream() -> TranscribeStream:
            credentials = await self._calls.run(HEAR, self._credentials)
            url = stream_url(self._endpoint, self._region, credentials, code, sample_rate)
            return await TranscribeStream.open(url, sample_rate, self._timing)

        recogniser = TranscribeRecogniser(
            open_stream,
            sample_rate,
            timing=self._timing,
            clock=self._clock,
            chance=self._chance,
        )
        try:
            await recogniser.start()
            yield recogniser
        finally:
            await recogniser.close()

    def _credentials(self) -> ReadOnlyCredentials:
        """In a thread: those of this moment. They may have to be fetched."""
        resolved = self._session.get_credentials()
        if resolved is None:
            raise no_credentials(HEAR)
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
