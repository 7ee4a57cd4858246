"""Apertium's stream format: escaping of reserved characters, and blanks.

https://wiki.apertium.org/wiki/Apertium_stream_format
"""

from __future__ import annotations

import re

# Reserved characters are escaped with a backslash.
_RESERVED = re.compile(r"[\\$/<>{}@\[\]]")
# Two characters are replaced with private-use characters inside blanks, because escaping is not
# enough: post-generation starts at any tilde, and lexical selection blocks on a final caret.
_IN_BLANK = {"~": "[\ue07e]", "^": "[\ue05e]"}
_ESCAPED_OR_BLANK = re.compile(r"\\(.)|[\[\]]", re.DOTALL)
# Every request ends with a blank, so that the first stage need not wait for the end of the last
# word.
_BLANK = "[]"


def escape(text: str) -> str:
    """Convert a text to one line of the stream. Unprintable characters become spaces."""
    readable = "".join(character if character.isprintable() else " " for character in text)
    line = _RESERVED.sub(r"\\\g<0>", " ".join(readable.split()))
    for character, blank in _IN_BLANK.items():
        line = line.replace(character, blank)
    return line + _BLANK


def unescape(stream: str) -> str:
    """Convert the output of the last stage to one line of text."""
    for character, blank in _IN_BLANK.items():
        stream = stream.replace(blank, character)
    text = _ESCAPED_OR_BLANK.sub(lambda match: match.group(1) or "", stream)
    return " ".join(text.split())
