"""What has changed in a session and may not have been told to its members yet.

The write that changes something notes that it is news, and what it is of: the end, the speaker, a
channel. Whoever has told it removes the note. A note that stays was left by a function that died,
or could not read who the members are; the next request of the same kind or the sweep tells it.
"""

from __future__ import annotations

from shared.data_access.table import Table
from shared.models import schema

_PREFIX = "news#"
END = "end"
SPEAKER = "speaker"
_CHANNEL = "channel#"


def notification_attribute(subject: str) -> str:
    """The attribute of a session's row that says that there is news of a subject."""
    return _PREFIX + subject


def channel_subject(language: str) -> str:
    """The subject of who interprets a language."""
    return _CHANNEL + language


def language_of(subject: str) -> str | None:
    """The language whose channel a subject is about, if it is about one."""
    return subject.removeprefix(_CHANNEL) if subject.startswith(_CHANNEL) else None


def pending_in(item: dict[str, object]) -> dict[str, int]:
    """What is news in a session's row: of each subject which version."""
    return {
        name.removeprefix(_PREFIX): version
        for name, version in item.items()
        if name.startswith(_PREFIX) and isinstance(version, int)
    }


class PendingNotifications:
    """Removes the notes. Raises StoreUnavailableError."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def mark_sent(self, session_id: str, subject: str, version: int) -> None:
        """That version has been told to everybody; nothing if there is a later one."""
        names = {"#news": notification_attribute(subject)}
        expression = "REMOVE #news"
        if subject == END:
            # It stands in the index of what the sweep looks at until its end has been told.
            names["#bucket"] = schema.ACTIVE_BUCKET
            expression += ", #bucket"
        self._sessions.update_if(
            session_id,
            expression,
            condition="#news = :version",
            names=names,
            values={":version": version},
        )
