"""Requests about announcements."""

from __future__ import annotations

import uuid

from client.protocol.requester import Requester
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    Announce,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    ClearAnnouncement,
    GetActiveAnnouncement,
    MessageType,
    Scope,
)


class AnnouncementRequests(Requester):
    """Announce, clear, acknowledge and read announcements.

    Operators announce to everyone connected (`all`), speakers to their session (`session`). Each
    request raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
    """

    async def announce(
        self,
        message: str,
        scope: Scope = "all",
        message_type: MessageType = "info",
        *,
        translations: dict[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Announcement:
        """Announce a text of 1-280 characters; it replaces the scope's current announcement.

        `translations` maps language codes to texts for listeners of that language. Calls with the
        same `idempotency_key` (1-128 characters) announce once in 24 h; without a key, each call
        announces.
        """
        request = Announce(
            scope=scope,
            message=message,
            message_type=message_type,
            translations=translations,
            idempotency_key=idempotency_key or uuid.uuid4().hex,
        )
        return await self.ask(request, Announcement)

    async def clear_announcement(self, scope: Scope = "all") -> AnnouncementCleared:
        """Clear the scope's announcement; the reply has no id if none was active."""
        return await self.ask(ClearAnnouncement(scope=scope), AnnouncementCleared)

    async def acknowledge_announcement(self, announcement_id: str) -> AnnouncementAcknowledged:
        """Confirm that the reader has seen it, so that it is not shown again. Idempotent."""
        request = AcknowledgeAnnouncement(announcement_id=announcement_id)
        return await self.ask(request, AnnouncementAcknowledged)

    async def get_active_announcement(self, scope: Scope | None = None) -> ActiveAnnouncement:
        """Return the active announcement of a scope; without a scope, the newest of both.

        The reply has no id if nothing is active for this reader. It has `coverage` for those who
        may announce in that scope.
        """
        return await self.ask(GetActiveAnnouncement(scope=scope), ActiveAnnouncement)
