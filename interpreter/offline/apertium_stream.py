"""Apertium's stream format: text in which some characters mean something, and blanks that mean
nothing, https://wiki.apertium.org/wiki/Apertium_stream_format.
"""

from __future__ import annotations

import re

# The reserved characters, and the tilde: post-generation begins at it.
_RESERVED = re.compile(r"[\\^$/<>{}@\[\]]")
_TILDE = "[~]"
_ESCAPED_OR_BLANK = re.compile(r"\\(.)|[\[\]]", re.DOTALL)
# A request begins and ends with a blank: the last word ends there, and not with the request,
# which the first stage would wait for.
_BLANK = "[]"


def escape(text: str) -> str:
    """Any text as one line of the stream, without NUL. Control characters become spaces."""
    readable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(readable.split())
    return _RESERVED.sub(r"\\\g<0>", line).replace("~", _TILDE) + _BLANK


def unescape(stream: str) -> str:
    """The text of what the last stage answers, in one line without outer spaces."""
    text = _ESCAPED_OR_BLANK.sub(lambda match: match.group(1) or "", stream)
    return " ".join(text.split())
