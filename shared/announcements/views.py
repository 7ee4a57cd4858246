"""Messages for recipients of an announcement, in their language."""

from __future__ import annotations

from shared.announcements.announcement import AnnouncementRecord
from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementCleared,
    Coverage,
)


def announcement_message(
    announcement: AnnouncementRecord, language: str, coverage: Coverage | None = None
) -> Announcement:
    """Build the message for recipients present when the announcement is made."""
    text, text_language = announcement.text_in(language)
    return Announcement(
        announcement_id=announcement.announcement_id,
        scope=announcement.scope,
        session_id=announcement.session_id,
        message=text,
        message_type=announcement.message_type,
        created_at=announcement.created_at,
        language=text_language,
        coverage=coverage,
    )


def active_announcement_message(
    announcement: AnnouncementRecord, language: str, coverage: Coverage | None = None
) -> ActiveAnnouncement:
    """Build the message for recipients who arrive or ask later."""
    text, text_language = announcement.text_in(language)
    return ActiveAnnouncement(
        announcement_id=announcement.announcement_id,
        scope=announcement.scope,
        session_id=announcement.session_id,
        message=text,
        message_type=announcement.message_type,
        created_at=announcement.created_at,
        language=text_language,
        coverage=coverage,
    )


def announcement_cleared_message(announcement: AnnouncementRecord) -> AnnouncementCleared:
    """Build the message that hides a cleared announcement."""
    return AnnouncementCleared(
        announcement_id=announcement.announcement_id,
        scope=announcement.scope,
        session_id=announcement.session_id,
        created_at=announcement.created_at,
    )
