"""Cursor of a snapshot page, opaque to clients."""

from __future__ import annotations

import base64
import re

import msgspec

from shared.models.errors import ErrorCode, ValidationError

_TEXT = re.compile(r"(\d{1,16})\.(\d{1,16})\.(\w+#.+)", re.DOTALL | re.ASCII)


class Cursor(msgspec.Struct, frozen=True):
    """Position in a snapshot.

    `since_ms` is the requested start of changes, `began_at` (ms) when the first page was read, and
    `key` the key of the last row read.
    """

    since_ms: int
    began_at: int
    key: str

    def __str__(self) -> str:
        text = f"{self.since_ms}.{self.began_at}.{self.key}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parse the output of `str`. Raises INVALID_SYNC.

        Cursors are not signed: a forged one reaches only the caller's own state.
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
        ErrorCode.INVALID_SYNC, "cursor", "not a cursor of this service; start without one"
    )
