"""Texts from elsewhere on a terminal: what would move the cursor, ring or reorder is shown as an
escape. For showing only; the texts themselves stay as they came.
"""

from __future__ import annotations

import re

# C0 and C1 controls and DEL, line and paragraph separators, halves of surrogate pairs, and what
# overrides the direction of text (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
_WHITE = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """One line that can be shown: white space of any kind becomes a space, a control its escape,
    such as `\\x1b`.
    """
    return _UNPRINTABLE.sub(_escaped, _WHITE.sub(" ", text))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
