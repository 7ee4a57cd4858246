"""The active announcement of each scope, from reordered or repeated messages. No I/O."""

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

# Ids of ended announcements to remember: a late message must not revive one of them.
_MAX_ENDED = 256


@dataclass(frozen=True, slots=True)
class _Version:
    """Order of a scope's announcements: by creation time (ms), then by id."""

    session_id: str | None
    created_at: int
    announcement_id: str

    @classmethod
    def of(cls, announcement: Announcement) -> _Version:
        return cls(announcement.session_id, announcement.created_at, announcement.announcement_id)

    def precedes(self, other: _Version) -> bool:
        """Return whether `other` replaces this: it is newer, or belongs to another session."""
        if self.session_id != other.session_id:
            return True
        return (self.created_at, self.announcement_id) < (other.created_at, other.announcement_id)


class AnnouncementTracker:
    """Tracks the active announcements.

    A cleared or acknowledged announcement never returns, each id is news once, and only a newer
    announcement replaces the active one.
    """

    def __init__(self) -> None:
        self._active: dict[Scope, Announcement] = {}
        self._newest: dict[Scope, _Version] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    @property
    def active(self) -> Mapping[Scope, Announcement]:
        """Active announcements by scope."""
        return dict(self._active)

    def apply(self, message: ServerMessage) -> bool:
        """Apply a message and return whether to show it to the user.

        Always true for messages that concern no announcement.
        """
        match message:
            case Announcement() | ActiveAnnouncement():
                announcement = to_announcement(message)
                return announcement is not None and self._show(announcement)
            case AnnouncementCleared(announcement_id=str(announcement_id)):
                return self._clear(announcement_id, message)
            case AnnouncementCleared():
                return False  # none was active
            case AnnouncementAcknowledged(announcement_id=announcement_id):
                self._end(announcement_id)
            case SessionCreated(session_id=session_id) | SessionJoined(session_id=session_id):
                self._enter_session(session_id)
            case SessionEnded() | SessionLeft():
                self._enter_session(None)
        return True

    def connection_lost(self) -> None:
        """Forget the active announcements, because their end may go unnoticed while away.

        The service repeats active announcements on the next connection; repeats are no news.
        """
        self._active.clear()

    def _show(self, announcement: Announcement) -> bool:
        if announcement.announcement_id in self._ended:
            return False
        known, version = self._newest.get(announcement.scope), _Version.of(announcement)
        if known == version:
            self._active[announcement.scope] = announcement
            return False
        if known is not None and not known.precedes(version):
            return False
        self._newest[announcement.scope] = version
        self._active[announcement.scope] = announcement
        return True

    def _clear(self, announcement_id: str, message: AnnouncementCleared) -> bool:
        """End an announcement and every older one, which it had replaced."""
        already_ended = announcement_id in self._ended
        self._end(announcement_id)
        known = self._newest.get(message.scope)
        if known is not None and known.announcement_id == announcement_id:
            return not already_ended
        if message.created_at is None:
            return False
        cleared = _Version(message.session_id, message.created_at, announcement_id)
        if known is not None and (
            known.session_id != cleared.session_id or not known.precedes(cleared)
        ):
            return False
        self._newest[message.scope] = cleared
        return self._active.pop(message.scope, None) is not None

    def _end(self, announcement_id: str) -> None:
        self._ended[announcement_id] = None
        self._ended.move_to_end(announcement_id)
        if len(self._ended) > _MAX_ENDED:
            self._ended.popitem(last=False)
        self._active = {
            scope: active
            for scope, active in self._active.items()
            if active.announcement_id != announcement_id
        }

    def _enter_session(self, session_id: str | None) -> None:
        active = self._active.get("session")
        if active is not None and active.session_id != session_id:
            del self._active["session"]


def to_announcement(message: Announcement | ActiveAnnouncement) -> Announcement | None:
    """Return the announcement in a push or in a reply; None if there is none."""
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
        case _:  # none, or an incomplete one
            return None
