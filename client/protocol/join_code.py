"""Join code of a session: its id, or `SESSION#SECRET` for a session by link."""

from __future__ import annotations

from dataclasses import dataclass, field

_SEPARATOR = "#"


@dataclass(frozen=True, slots=True)
class JoinCode:
    """Session id and optional secret; keep `str(code)` private if it has a secret."""

    session_id: str
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> JoinCode:
        """Parse a join code or a session id; the service validates it."""
        session_id, separator, secret = text.strip().partition(_SEPARATOR)
        return cls(session_id, secret if separator else None)

    def __str__(self) -> str:
        return self.session_id if self.secret is None else f"{self.session_id}#{self.secret}"
