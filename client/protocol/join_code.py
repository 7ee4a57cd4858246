"""The join code of a session: its id, and for a session by link its secret, `SESSION#SECRET`."""

from __future__ import annotations

from dataclasses import dataclass, field

_SEPARATOR = "#"


@dataclass(frozen=True, slots=True)
class JoinCode:
    """What gets somebody into a session; `str` of it is secret if it has a secret."""

    session_id: str
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> JoinCode:
        """The code that `str` wrote, or a mere id. Nothing is checked: the service does that."""
        session_id, separator, secret = text.strip().partition(_SEPARATOR)
        return cls(session_id, secret if separator else None)

    def __str__(self) -> str:
        return self.session_id if self.secret is None else f"{self.session_id}#{self.secret}"
