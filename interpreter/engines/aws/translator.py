"""Amazon Translate: https://docs.aws.amazon.com/translate/latest/APIReference/API_TranslateText.html."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from botocore.config import Config

from interpreter.engine import UnsupportedLanguageError
from interpreter.engines.aws.calls import Calls
from interpreter.engines.aws.error_mapping import TRANSLATE, ConnectionLostError
from interpreter.engines.aws.languages import translate_code
from interpreter.engines.aws.texts import pieces, speakable

if TYPE_CHECKING:
    from mypy_boto3_translate import TranslateClient

# https://docs.aws.amazon.com/translate/latest/dg/what-is-limits.html
_MOST_BYTES = 10_000
# A sentence takes some 0.2 s; what takes longer than this comes too late to be spoken (s).
TRANSLATE_CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)


class Translator:
    """Texts from language to language."""

    def __init__(self, client: TranslateClient, calls: Calls) -> None:
        self._client = client
        self._calls = calls

    async def translate(self, text: str, source: str, target: str) -> str:
        """The text in the target language, both in our codes. Raises EngineError."""
        from_code, to_code = translate_code(source), translate_code(target)
        if from_code is None or to_code is None:
            unknown = source if from_code is None else target
            raise UnsupportedLanguageError(f"Amazon Translate does not know {unknown}")
        if from_code == to_code:
            return text.strip()

        translated = [
            await self._calls.run(TRANSLATE, partial(self._translated, piece, from_code, to_code))
            for piece in pieces(speakable(text), _size, _MOST_BYTES)
        ]
        return " ".join(translated).strip()

    def _translated(self, text: str, source: str, target: str) -> str:
        """In a thread: one piece. Raises EngineError, ClientError and BotoCoreError."""
        response = self._client.translate_text(
            Text=text, SourceLanguageCode=source, TargetLanguageCode=target
        )
        try:
            return response["TranslatedText"]
        except KeyError:
            # botocore takes an answer that is cut off for an empty one.
            raise ConnectionLostError(f"{TRANSLATE} got half of an answer") from None


def _size(text: str) -> int:
    return len(text.encode())
