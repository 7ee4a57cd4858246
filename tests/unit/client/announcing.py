"""Numbered announcements as the service sends them."""

from __future__ import annotations

from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementCleared,
    Scope,
)

SESSION = "golden-eagle-427"


def announcement(number: int, created_at: int | None = None, scope: Scope = "all") -> Announcement:
    """Build an announcement, created 1 ms after the previous one."""
    return Announcement(
        announcement_id=f"a{number}",
        scope=scope,
        message=f"text {number}",
        message_type="info",
        created_at=number if created_at is None else created_at,
        session_id=SESSION if scope == "session" else None,
    )


def active(of: Announcement) -> ActiveAnnouncement:
    """The announcement as an ActiveAnnouncement reply."""
    return ActiveAnnouncement(
        announcement_id=of.announcement_id,
        scope=of.scope,
        message=of.message,
        message_type=of.message_type,
        created_at=of.created_at,
        session_id=of.session_id,
    )


def cleared(of: Announcement) -> AnnouncementCleared:
    return AnnouncementCleared(
        announcement_id=of.announcement_id,
        scope=of.scope,
        session_id=of.session_id,
        created_at=of.created_at,
    )
