"""What readers are sent of an announcement, each in their language."""

from __future__ import annotations

from shared.announcements.announcement import AnnouncementRecord
from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementCleared,
    Coverage,
)


def announcement(
    announced: AnnouncementRecord, language: str, coverage: Coverage | None = None
) -> Announcement:
    """For those who are there when it is made."""
    text, text_language = announced.text_in(language)
    return Announcement(
        announcement_id=announced.announcement_id,
        scope=announced.scope,
        session_id=announced.session_id,
        message=text,
        message_type=announced.message_type,
        created_at=announced.created_at,
        language=text_language,
        coverage=coverage,
    )


def active_announcement(
    announced: AnnouncementRecord, language: str, coverage: Coverage | None = None
) -> ActiveAnnouncement:
    """For those who come, or ask, later."""
    text, text_language = announced.text_in(language)
    return ActiveAnnouncement(
        announcement_id=announced.announcement_id,
        scope=announced.scope,
        session_id=announced.session_id,
        message=text,
        message_type=announced.message_type,
        created_at=announced.created_at,
        language=text_language,
        coverage=coverage,
    )


def announcement_cleared(announced: AnnouncementRecord) -> AnnouncementCleared:
    """That it is not to be shown any more."""
    return AnnouncementCleared(
        announcement_id=announced.announcement_id,
        scope=announced.scope,
        session_id=announced.session_id,
        created_at=announced.created_at,
    )
