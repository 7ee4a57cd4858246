"""Where the next page of a snapshot begins: a text that clients give back as they got it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from shared.models.errors import ErrorCode, ValidationError

_TEXT = re.compile(r"(\d{1,16})\.(\d{1,16})\.(\w+#.+)", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Since when changes are asked for and when the first page was read (both ms), and the place of
    the last row that was looked at.
    """

    since_ms: int
    began_at: int
    place: str

    def __str__(self) -> str:
        text = f"{self.since_ms}.{self.began_at}.{self.place}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """What `str` wrote. Raises INVALID_SYNC for anything else.

        It is not signed: it says where to go on in the caller's own state, and nothing of others.
        """
        try:
            decoded = base64.b64decode(text, altchars=b"-_", validate=True).decode()
        except ValueError as error:
            raise _invalid() from error
        parts = _TEXT.fullmatch(decoded)
        if parts is None:
            raise _invalid()
        return cls(int(parts[1]), int(parts[2]), parts[3])


def _invalid() -> ValidationError:
    return ValidationError(
        ErrorCode.INVALID_SYNC, "cursor", "none that the service gave; begin without one"
    )
