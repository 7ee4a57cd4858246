"""Speech by Amazon Polly.

https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.config import Config
from botocore.exceptions import ClientError

from interpreter.engine import UnsupportedLanguageError
from interpreter.engines.aws.call_pool import CallPool
from interpreter.engines.aws.error_mapping import SPEAK
from interpreter.engines.aws.resample import resample
from interpreter.engines.aws.texts import speakable, split_text, ssml
from interpreter.engines.aws.voices import Gender, Kind, Voice, other_kind, voice_for

if TYPE_CHECKING:
    from mypy_boto3_polly import PollyClient

# https://docs.aws.amazon.com/polly/latest/dg/limits.html: up to 3 000 billed characters, and up to
# 6 000 including SSML and escapes. The SSML around the text takes about 60.
_MAX_CHARACTERS = 3_000
_MAX_ESCAPED = 5_900
# Sample rates of Polly's PCM (Hz).
_LOW, _HIGH = 8_000, 16_000
# Polly normally speaks a sentence within a few tenths of a second.
SPEAK_CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=3.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)


class Speaker:
    """Speaks with voices of one kind and gender, where Polly has them."""

    def __init__(self, client: PollyClient, calls: CallPool, kind: Kind, gender: Gender) -> None:
        self._client = client
        self._calls = calls
        self._kind = kind
        self._gender = gender
        # Replacements for voices that this Region does not have.
        self._replacements: dict[Voice, Voice] = {}

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """Synthesise s16le samples at `sample_rate` Hz. Raises EngineError."""
        voice = voice_for(language, self._kind, self._gender)
        if voice is None:
            raise UnsupportedLanguageError(f"Amazon Polly does not speak {language}")
        spoken = []
        for piece in split_text(speakable(text), _size, _MAX_CHARACTERS):
            work = partial(self._speak_piece, piece, language, voice, sample_rate, speed)
            spoken.append(await self._calls.run(SPEAK, work))
        return b"".join(spoken)

    def _speak_piece(
        self, text: str, language: str, voice: Voice, wanted: int, speed: float
    ) -> bytes:
        """Speak one piece, in a thread. Raises ClientError and BotoCoreError."""
        voice = self._replacements.get(voice, voice)
        rate = _LOW if wanted == _LOW else _HIGH
        try:
            pcm = self._synthesize(text, voice, rate, speed)
        except ClientError as refused:
            other = other_kind(language, voice)
            if refused.response["Error"]["Code"] != "EngineNotSupportedException" or other is None:
                raise
            # Not every Region has neural voices.
            pcm = self._synthesize(text, other, rate, speed)
            self._replacements[voice] = other
        return resample(pcm[: len(pcm) // 2 * 2], rate, wanted)

    def _synthesize(self, text: str, voice: Voice, rate: int, speed: float) -> bytes:
        response = self._client.synthesize_speech(
            Engine=voice.kind,
            # Some voices speak two languages, so name the language too.
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
    """Billed length of a text, scaled up if its escaped length is closer to its limit."""
    return max(len(text), -(-len(escape(text)) * _MAX_CHARACTERS // _MAX_ESCAPED))
