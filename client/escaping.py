"""Escaping of untrusted text for a terminal.

Characters that would move the cursor, ring the bell or reorder text are shown as escapes.
"""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line and paragraph separators, lone surrogates, and direction overrides
# (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
_WHITE = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return one printable line: white space becomes a space, a control its escape (`\\x1b`)."""
    return _UNPRINTABLE.sub(_escaped, _WHITE.sub(" ", text))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
