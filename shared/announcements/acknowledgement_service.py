"""Requests of recipients: getActiveAnnouncement and acknowledgeAnnouncement."""

from __future__ import annotations

from collections.abc import Sequence

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord, Recipient
from shared.announcements.announcement_service import may_announce
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.recipients import Recipients
from shared.announcements.views import active_announcement_message
from shared.models.connection import CONNECTION_LIFETIME_MS, CONNECTION_RECIPIENT, Caller
from shared.models.request_errors import announcement_not_found, not_in_session
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    AnnouncementAcknowledged,
    GetActiveAnnouncement,
)
from shared.utils.clock import Clock


class AcknowledgementService:
    """Answers getActiveAnnouncement and acknowledgeAnnouncement.

    All methods raise StoreUnavailableError.
    """

    def __init__(
        self,
        announcements: ActiveAnnouncements,
        acknowledgements: AcknowledgementStore,
        counts: DeliveryCounts,
        recipients: Recipients,
        *,
        clock: Clock,
    ) -> None:
        self._announcements = announcements
        self._acknowledgements = acknowledgements
        self._counts = counts
        self._recipients = recipients
        self._clock = clock

    def get_active_announcement(
        self, caller: Caller, request: GetActiveAnnouncement
    ) -> ActiveAnnouncement:
        """Return the newest announcement that the caller has not acknowledged.

        Searches the requested scope, or both. Callers who may announce in a scope get its
        announcement even if they have acknowledged it, with its coverage.

        Raises CONNECTION_NOT_FOUND, and NOT_IN_SESSION for the scope `session`.
        """
        recipient = self._recipients.of_caller(caller)
        if request.scope == "session" and recipient.session_id is None:
            raise not_in_session("getActiveAnnouncement")
        scopes: list[str | None] = [] if request.scope == "session" else [None]
        if request.scope != "all" and recipient.session_id is not None:
            scopes.append(recipient.session_id)
        active = self.active(scopes)
        own = {
            each.announcement_id
            for each in active
            if may_announce(caller, recipient, each.session_id)
        }
        hidden = self.acknowledged_ids(
            recipient.key, [each for each in active if each.announcement_id not in own]
        )
        visible = [each for each in active if each.announcement_id not in hidden]
        if not visible:
            return ActiveAnnouncement(announcement_id=None, scope=request.scope)
        newest = visible[-1]
        coverage = None
        if newest.announcement_id in own:
            coverage = self._counts.coverage(newest.announcement_id)
        return active_announcement_message(newest, recipient.language(newest.session_id), coverage)

    def acknowledge_announcement(
        self, caller: Caller, request: AcknowledgeAnnouncement
    ) -> AnnouncementAcknowledged:
        """Hide an announcement from the caller.

        Raises CONNECTION_NOT_FOUND and ANNOUNCEMENT_NOT_FOUND.
        """
        recipient = self._recipients.of_caller(caller)
        if not self.acknowledge(recipient, request.announcement_id):
            raise announcement_not_found("announcementId")
        return AnnouncementAcknowledged(announcement_id=request.announcement_id)

    def active(self, session_ids: Sequence[str | None]) -> list[AnnouncementRecord]:
        """Return the active announcements of these scopes, newest last."""
        found = self._announcements.read(session_ids, self._clock.now_ms())
        return [each for each in found if not each.cleared]

    def acknowledged_ids(
        self, recipient_key: str, announcements: Sequence[AnnouncementRecord]
    ) -> set[str]:
        """Return the ids of the announcements that the recipient has acknowledged."""
        if not announcements:
            return set()
        return self._acknowledgements.acknowledged_ids(recipient_key, announcements)

    def acknowledge(self, recipient: Recipient, announcement_id: str) -> bool:
        """Acknowledge an announcement; safe to repeat.

        Returns False if it is not active in the recipient's scopes.
        """
        for announcement in self.active(recipient.scopes):
            if announcement.announcement_id == announcement_id:
                if not self.acknowledged_ids(recipient.key, [announcement]):
                    # Counted before it is stored. The count is keyed by recipient, so a retry
                    # after a crash between the two is not counted again.
                    language = recipient.language(announcement.session_id)
                    self._counts.add_acknowledgement(announcement, language, recipient.key)
                    self._acknowledgements.put(
                        announcement, recipient.key, until=self._until(recipient)
                    )
                return True
        return False

    def _until(self, recipient: Recipient) -> int | None:
        """Return when the connection's maximum lifetime ends (s since the epoch).

        None for recipients that keep their key across connections.
        """
        if not recipient.key.startswith(CONNECTION_RECIPIENT):
            return None
        return (self._clock.now_ms() + CONNECTION_LIFETIME_MS) // 1000
