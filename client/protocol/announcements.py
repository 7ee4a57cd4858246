"""Which announcements a client shows: one a scope, from messages that may overtake each other, or
come twice. No input or output.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    Scope,
)
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import SessionCreated, SessionEnded, SessionJoined, SessionLeft

# News of an announcement that is over may come late, but not by more than so many others.
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest announcement that was told in a scope; of two at the same ms the greater id."""

    session_id: str | None
    created_at: int
    announcement_id: str

    @classmethod
    def of(cls, announcement: Announcement) -> _Newest:
        return cls(announcement.session_id, announcement.created_at, announcement.announcement_id)

    def precedes(self, other: _Newest) -> bool:
        """Whether the other one takes its place: newer, or of another session altogether."""
        if self.session_id != other.session_id:
            return True
        return (self.created_at, self.announcement_id) < (other.created_at, other.announcement_id)


class AnnouncementTracker:
    """What is announced now, as far as is known. An id that was cleared or acknowledged never
    comes back, the same id is told once, and only what is newer replaces what is shown.
    """

    def __init__(self) -> None:
        self._active: dict[Scope, Announcement] = {}
        self._newest: dict[Scope, _Newest] = {}
        self._over: OrderedDict[str, None] = OrderedDict()

    @property
    def active(self) -> Mapping[Scope, Announcement]:
        """The announcements that hold now, by scope."""
        return dict(self._active)

    def apply(self, message: ServerMessage) -> bool:
        """Take a message in; whether it is news to people. What is no announcement always is."""
        match message:
            case Announcement() | ActiveAnnouncement():
                announcement = to_announcement(message)
                return announcement is not None and self._show(announcement)
            case AnnouncementCleared(announcement_id=str(announcement_id)):
                return self._clear(announcement_id, message)
            case AnnouncementCleared():
                return False  # there was none
            case AnnouncementAcknowledged(announcement_id=announcement_id):
                self._end(announcement_id)
            case SessionCreated(session_id=session_id) | SessionJoined(session_id=session_id):
                self._sit(session_id)
            case SessionEnded() | SessionLeft():
                self._sit(None)
        return True

    def connection_lost(self) -> None:
        """The connection is lost, so nobody says what is over. What still holds is told again to
        the next one, and is then shown without being news.
        """
        self._active.clear()

    def _show(self, announcement: Announcement) -> bool:
        if announcement.announcement_id in self._over:
            return False
        told, newest = self._newest.get(announcement.scope), _Newest.of(announcement)
        if told == newest:
            self._active[announcement.scope] = announcement
            return False
        if told is not None and not told.precedes(newest):
            return False
        self._newest[announcement.scope] = newest
        self._active[announcement.scope] = announcement
        return True

    def _clear(self, announcement_id: str, message: AnnouncementCleared) -> bool:
        """What was made before it is over too: it was replaced by what has not been heard of."""
        known = announcement_id in self._over
        self._end(announcement_id)
        told = self._newest.get(message.scope)
        if told is not None and told.announcement_id == announcement_id:
            return not known
        if message.created_at is None:
            return False
        until = _Newest(message.session_id, message.created_at, announcement_id)
        if told is not None and (told.session_id != until.session_id or not told.precedes(until)):
            return False
        self._newest[message.scope] = until
        return self._active.pop(message.scope, None) is not None

    def _end(self, announcement_id: str) -> None:
        self._over[announcement_id] = None
        self._over.move_to_end(announcement_id)
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
        self._active = {
            scope: active
            for scope, active in self._active.items()
            if active.announcement_id != announcement_id
        }

    def _sit(self, session_id: str | None) -> None:
        active = self._active.get("session")
        if active is not None and active.session_id != session_id:
            del self._active["session"]


def to_announcement(message: Announcement | ActiveAnnouncement) -> Announcement | None:
    """What is announced, however the reader came to know of it; None if nothing is."""
    if isinstance(message, Announcement):
        return message
    match message:
        case ActiveAnnouncement(
            announcement_id=str(announcement_id),
            scope=("all" | "session") as scope,
            message=str(text),
            message_type=("info" | "warning" | "alert") as message_type,
            created_at=int(created_at),
        ):
            return Announcement(
                announcement_id=announcement_id,
                scope=scope,
                message=text,
                message_type=message_type,
                created_at=created_at,
                session_id=message.session_id,
                language=message.language,
                coverage=message.coverage,
            )
        case _:  # nothing, or half of an announcement, which cannot be shown
            return None
