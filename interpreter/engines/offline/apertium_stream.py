"""Apertium's stream format: text in which some characters mean something, and blanks that mean
nothing, https://wiki.apertium.org/wiki/Apertium_stream_format.
"""

from __future__ import annotations

import re

# What the format reserves is escaped by a backslash.
_RESERVED = re.compile(r"[\\$/<>{}@\[\]]")
# Two characters travel as others in a blank, private ones that no text has here. Post-generation
# begins at a tilde, escaped or not; at a caret before the end, lexical selection waits for ever.
_IN_BLANK = {"~": "[\ue07e]", "^": "[\ue05e]"}
_ESCAPED_OR_BLANK = re.compile(r"\\(.)|[\[\]]", re.DOTALL)
# A request ends with a blank: the last word ends there, and not with the request, which the first
# stage would wait for.
_BLANK = "[]"


def escape(text: str) -> str:
    """Any text as one line of the stream, without NUL. What cannot be printed becomes a space."""
    readable = "".join(character if character.isprintable() else " " for character in text)
    line = _RESERVED.sub(r"\\\g<0>", " ".join(readable.split()))
    for character, blank in _IN_BLANK.items():
        line = line.replace(character, blank)
    return line + _BLANK


def unescape(stream: str) -> str:
    """The text of what the last stage answers, in one line without outer spaces."""
    for character, blank in _IN_BLANK.items():
        stream = stream.replace(blank, character)
    text = _ESCAPED_OR_BLANK.sub(lambda match: match.group(1) or "", stream)
    return " ".join(text.split())
