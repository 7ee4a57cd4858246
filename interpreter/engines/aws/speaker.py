"""Amazon Polly: https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.config import Config
from botocore.exceptions import ClientError

from interpreter.engine import UnsupportedLanguageError
from interpreter.engines.aws.calls import Calls
from interpreter.engines.aws.error_mapping import SPEAK
from interpreter.engines.aws.resample import resample
from interpreter.engines.aws.texts import pieces, speakable, ssml
from interpreter.engines.aws.voices import Gender, Kind, Voice, other_kind, voice_for

if TYPE_CHECKING:
    from mypy_boto3_polly import PollyClient

# https://docs.aws.amazon.com/polly/latest/dg/limits.html: 3 000 characters are billed at most, and
# 6 000 there may be with SSML and escapes, of which the frame around the text is some 60.
_MOST_CHARACTERS = 3_000
_MOST_ESCAPED = 5_900
# What Polly's pcm can be sampled at (Hz).
_LOW, _HIGH = 8_000, 16_000
# Polly sends a sentence's sound within some tenths of a second (s).
SPEAK_CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=3.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)


class Speaker:
    """Voices of one kind and gender, as far as Polly has them."""

    def __init__(self, client: PollyClient, calls: Calls, kind: Kind, gender: Gender) -> None:
        self._client = client
        self._calls = calls
        self._kind = kind
        self._gender = gender
        # By voices that this Region does not have, those that speak in their place.
        self._instead: dict[Voice, Voice] = {}

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """The text as s16le samples at `sample_rate` Hz. Raises EngineError."""
        voice = voice_for(language, self._kind, self._gender)
        if voice is None:
            raise UnsupportedLanguageError(f"Amazon Polly does not speak {language}")
        spoken = []
        for piece in pieces(speakable(text), _size, _MOST_CHARACTERS):
            work = partial(self._spoken, piece, language, voice, sample_rate, speed)
            spoken.append(await self._calls.run(SPEAK, work))
        return b"".join(spoken)

    def _spoken(self, text: str, language: str, voice: Voice, wanted: int, speed: float) -> bytes:
        """In a thread: the sound of one piece. Raises ClientError and BotoCoreError."""
        voice = self._instead.get(voice, voice)
        rate = _LOW if wanted == _LOW else _HIGH
        try:
            pcm = self._synthesized(text, voice, rate, speed)
        except ClientError as refused:
            other = other_kind(language, voice)
            if refused.response["Error"]["Code"] != "EngineNotSupportedException" or other is None:
                raise
            # Not every Region has neural voices.
            pcm = self._synthesized(text, other, rate, speed)
            self._instead[voice] = other
        return resample(pcm[: len(pcm) // 2 * 2], rate, wanted)

    def _synthesized(self, text: str, voice: Voice, rate: int, speed: float) -> bytes:
        response = self._client.synthesize_speech(
            Engine=voice.kind,
            # Some voices speak two languages.
            LanguageCode=voice.language,  # type: ignore[arg-type]
            VoiceId=voice.name,  # type: ignore[arg-type]
            OutputFormat="pcm",
            SampleRate=str(rate),
            Text=text if speed == 1.0 else ssml(text, speed),
            TextType="text" if speed == 1.0 else "ssml",
        )
        with closing(response["AudioStream"]) as stream:
            return stream.read()


def _size(text: str) -> int:
    """The text's length in Polly's billing, or more if its escapes would be too long."""
    return max(len(text), -(-len(escape(text)) * _MOST_CHARACTERS // _MOST_ESCAPED))
