"""Changes of a session that its members may not have been notified of yet.

The write that ends the session or changes its speaker or a channel also adds a pending
notification, which is removed after the notification was sent. One that stays was left by a
function that failed. The next request of the same kind, or the sweep, sends it again.
"""

from __future__ import annotations

from shared.data_access.table import Table
from shared.models import schema

_PREFIX = "news#"
END = "end"
SPEAKER = "speaker"
_CHANNEL = "channel#"


def notification_attribute(subject: str) -> str:
    """Attribute of a session's row for the pending notification of a subject."""
    return _PREFIX + subject


def channel_subject(language: str) -> str:
    """Subject of a language's channel."""
    return _CHANNEL + language


def language_of(subject: str) -> str | None:
    """Language of a channel's subject; None for other subjects."""
    return subject.removeprefix(_CHANNEL) if subject.startswith(_CHANNEL) else None


def pending_in(item: dict[str, object]) -> dict[str, int]:
    """Pending notifications in a session's row: version by subject."""
    return {
        name.removeprefix(_PREFIX): version
        for name, version in item.items()
        if name.startswith(_PREFIX) and isinstance(version, int)
    }


class PendingNotifications:
    """Removes pending notifications. Raises StoreUnavailableError."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def mark_sent(self, session_id: str, subject: str, version: int) -> None:
        """Remove the pending notification of this version; a later version stays."""
        names = {"#news": notification_attribute(subject)}
        expression = "REMOVE #news"
        if subject == END:
            # The session stays in the active index until then, so that the sweep finds it.
            names["#bucket"] = schema.ACTIVE_BUCKET
            expression += ", #bucket"
        self._sessions.update_if(
            session_id,
            expression,
            condition="#news = :version",
            names=names,
            values={":version": version},
        )
