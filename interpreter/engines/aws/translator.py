"""Translation by Amazon Translate.

https://docs.aws.amazon.com/translate/latest/APIReference/API_TranslateText.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from botocore.config import Config

from interpreter.engine import UnsupportedLanguageError
from interpreter.engines.aws.call_pool import CallPool
from interpreter.engines.aws.error_mapping import TRANSLATE, ConnectionLostError
from interpreter.engines.aws.languages import translate_code
from interpreter.engines.aws.texts import speakable, split_text

if TYPE_CHECKING:
    from mypy_boto3_translate import TranslateClient

# https://docs.aws.amazon.com/translate/latest/dg/what-is-limits.html
_MAX_BYTES = 10_000
# A sentence takes about 0.2 s. After these timeouts it would be too late to be spoken.
TRANSLATE_CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)


class Translator:
    """Translates texts, in pieces if they are long."""

    def __init__(self, client: TranslateClient, calls: CallPool) -> None:
        self._client = client
        self._calls = calls

    async def translate(self, text: str, source: str, target: str) -> str:
        """Translate a text. Languages are our codes. Raises EngineError."""
        from_code, to_code = translate_code(source), translate_code(target)
        if from_code is None or to_code is None:
            unknown = source if from_code is None else target
            raise UnsupportedLanguageError(f"Amazon Translate does not support {unknown}")
        if from_code == to_code:
            return text.strip()

        translated = [
            await self._calls.run(
                TRANSLATE, partial(self._translate_piece, piece, from_code, to_code)
            )
            for piece in split_text(speakable(text), _size, _MAX_BYTES)
        ]
        return " ".join(translated).strip()

    def _translate_piece(self, text: str, source: str, target: str) -> str:
        """Translate one piece, in a thread.

        Raises EngineError, ClientError and BotoCoreError.
        """
        response = self._client.translate_text(
            Text=text, SourceLanguageCode=source, TargetLanguageCode=target
        )
        try:
            return response["TranslatedText"]
        except KeyError:
            # botocore parses a truncated response as an empty one.
            raise ConnectionLostError(f"{TRANSLATE} got an incomplete response") from None


def _size(text: str) -> int:
    return len(text.encode())
