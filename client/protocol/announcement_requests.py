"""Requests about announcements, for whatever can ask."""

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
    """To everyone connected (`all`) an operator announces, to a session its speaker. Each raises
    RequestRefusedError, RequestTimeoutError or ConnectionLostError.
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
        """Show a text of 1-280 characters; it replaces what is shown in that scope.

        `translations` are texts by language code, for whoever listens in that language. With the
        same `idempotency_key` (1-128 characters) it is announced once in 24 h, however often
        this is called; without one, once a call.
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
        """Take back what is shown in that scope; the reply has no id if there was nothing."""
        return await self.ask(ClearAnnouncement(scope=scope), AnnouncementCleared)

    async def acknowledge_announcement(self, announcement_id: str) -> AnnouncementAcknowledged:
        """Say that the reader has seen it: it is not shown to them again. May be repeated."""
        request = AcknowledgeAnnouncement(announcement_id=announcement_id)
        return await self.ask(request, AnnouncementAcknowledged)

    async def get_active_announcement(self, scope: Scope | None = None) -> ActiveAnnouncement:
        """What is announced now; without a scope, the newest of both. The reply has no id if there
        is nothing for this reader, and `coverage` for whoever may announce.
        """
        return await self.ask(GetActiveAnnouncement(scope=scope), ActiveAnnouncement)
