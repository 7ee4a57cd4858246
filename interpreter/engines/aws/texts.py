"""Texts for Translate and Polly: splitting into short pieces, and SSML."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.sax.saxutils import escape

# Sentence ends: followed by a space, or (Chinese and Japanese) without one.
_ENDS, _WIDE_ENDS = ".!?…\u0964\u061f", "\u3002\uff01\uff1f"
SENTENCE_ENDS = frozenset(_ENDS + _WIDE_ENDS)
_CLOSING, _WIDE_CLOSING = "\"'\u00bb\u201d\u2019)\\]", "\u300d\u300f\uff09"
_SENTENCE = re.compile(
    rf".+?(?:[{_ENDS}][{_CLOSING}]?\s+|[{_WIDE_ENDS}][{_WIDE_CLOSING}]?\s*|\n+|\Z)", re.DOTALL
)
_WORD = re.compile(r"\s*\S+\s*")
# Characters that XML cannot contain, even escaped: https://www.w3.org/TR/xml/#charsets
_UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# https://docs.aws.amazon.com/polly/latest/dg/prosody-tag.html: between 20 % and 200 %.
_SLOWEST_PERCENT, _FASTEST_PERCENT = 20, 200


def split_text(text: str, size: Callable[[str], int], limit: int) -> list[str]:
    """Split a text at sentence ends into as few pieces of at most `limit` as possible.

    `size` of a text must be the sum of the sizes of its characters. A sentence that is too long is
    cut between words, and a word that is too long between characters. Blank pieces are dropped.
    """
    found: list[str] = []
    current = ""
    for part in _parts(text, size, limit):
        if current and size(current + part) > limit:
            found.append(current)
            current = ""
        current += part
    return [piece.strip() for piece in [*found, current] if piece.strip()]


def _parts(text: str, size: Callable[[str], int], limit: int) -> list[str]:
    """Split a text into sentences, and long sentences into words or characters."""
    parts: list[str] = []
    for sentence in _SENTENCE.findall(text):
        if size(sentence) <= limit:
            parts.append(sentence)
            continue
        for word in _WORD.findall(sentence):
            parts.extend([word] if size(word) <= limit else word)
    return parts


def speakable(text: str) -> str:
    """Replace control characters and lone surrogates with spaces."""
    return _UNSPEAKABLE.sub(" ", text).strip()


def ssml(text: str, speed: float) -> str:
    """SSML of a `speakable` text; `speed` 1.0 is the voice's normal speed."""
    percent = min(max(round(speed * 100), _SLOWEST_PERCENT), _FASTEST_PERCENT)
    return f'<speak><prosody rate="{percent}%">{escape(text)}</prosody></speak>'
