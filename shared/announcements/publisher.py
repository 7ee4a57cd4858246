"""Publishing and clearing announcements, for both the WebSocket and the HTTP API.

The steps, in order: write the scope's row, schedule a redelivery pass, fan out, mark the row as
sent. If the function dies in between, the redelivery pass does the rest.
"""

from __future__ import annotations

import msgspec

from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.fanout import AnnouncementFanout
from shared.announcements.idempotency_keys import IdempotencyKeys
from shared.announcements.known_absences import ABSENCE_MS
from shared.announcements.timers import RedeliveryPass
from shared.announcements.validators import AnnouncementText
from shared.data_access.errors import StoreUnavailableError
from shared.models.timers import Timers
from shared.protocol.announcement_messages import Coverage, LanguageCoverage
from shared.utils.clock import Clock
from shared.utils.identifiers import Identifiers
from shared.utils.telemetry import Telemetry

# Indexes lag behind their tables by less than this (s).
_INDEX_LAG_SECONDS = 3
# Delay of the redelivery pass (s): by then the index shows all members who joined while their
# instance trusted that nothing was announced.
REDELIVERY_DELAY_SECONDS = _INDEX_LAG_SECONDS + ABSENCE_MS // 1_000


class Author(msgspec.Struct, frozen=True):
    """The announcing user, their connection if any, and their key for this announcement."""

    user_id: str
    connection_id: str | None = None
    idempotency_key: str | None = None


class AnnouncementPublisher:
    """Publishes and clears announcements; rights have been checked by the caller.

    All methods raise StoreUnavailableError.
    """

    def __init__(
        self,
        announcements: ActiveAnnouncements,
        idempotency_keys: IdempotencyKeys,
        counts: DeliveryCounts,
        fanout: AnnouncementFanout,
        timers: Timers[RedeliveryPass],
        *,
        identifiers: Identifiers,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._announcements = announcements
        self._idempotency_keys = idempotency_keys
        self._counts = counts
        self._fanout = fanout
        self._timers = timers
        self._identifiers = identifiers
        self._clock = clock
        self._telemetry = telemetry

    def announce(
        self, session_id: str | None, text: AnnouncementText, author: Author
    ) -> tuple[AnnouncementRecord, Coverage]:
        """Activate an announcement and send it to its scope, except to the author's connection.

        Returns it with its coverage. If the author has used the idempotency key before, returns
        that announcement, and sends it if the first attempt did not.
        """
        draft = AnnouncementRecord(
            announcement_id=self._identifiers.secret(),
            session_id=session_id,
            message=text.message,
            message_type=text.message_type,
            created_at=self._clock.now_ms(),
            translations=text.translations,
        )
        before = None
        if author.idempotency_key is not None:
            before = self._idempotency_keys.claim(author.user_id, author.idempotency_key, draft)
        if before is None:
            active = self._announcements.activate(draft)
        else:
            active = self._announcements.resume(before)
        if active is None:
            return self._existing(before or draft)
        delivered = self._send(active, author.connection_id)
        self._count(active)
        return active, Coverage(
            delivered=sum(delivered.values()),
            languages={
                language: LanguageCoverage(delivered=count)
                for language, count in sorted(delivered.items())
            },
        )

    def clear(
        self, session_id: str | None, connection_id: str | None
    ) -> tuple[AnnouncementRecord | None, int]:
        """Clear the scope's announcement and notify all connections but that one.

        Returns it with the number of connections notified, or None if none was active.
        """
        cleared = self._announcements.clear(session_id)
        if cleared is None:
            return None, 0
        return cleared, sum(self._send(cleared, connection_id).values())

    def _existing(self, announcement: AnnouncementRecord) -> tuple[AnnouncementRecord, Coverage]:
        """Return what another attempt of this author has announced, or is announcing."""
        for latest in self._announcements.read([announcement.session_id], 0):
            if latest.announcement_id == announcement.announcement_id and not latest.cleared:
                announcement = latest
                # The other attempt may have died before it scheduled a redelivery pass.
                if not latest.sent and not self._schedule_redelivery(latest):
                    raise StoreUnavailableError("redelivery pass not scheduled")
        return announcement, self._counts.coverage(announcement.announcement_id)

    def _send(self, announcement: AnnouncementRecord, except_for: str | None) -> dict[str, int]:
        is_scheduled = self._schedule_redelivery(announcement)
        try:
            delivered = self._fanout.send(announcement, except_for=except_for)
            self._announcements.mark_sent(announcement)
        except StoreUnavailableError as error:
            # The announcement stands: new arrivals get a replay, the others the redelivery pass.
            self._telemetry.warn("announcement not sent yet", cause=error.cause)
            if not is_scheduled:
                raise
            return {}
        return dict(delivered)

    def _count(self, announcement: AnnouncementRecord) -> None:
        self._telemetry.count_by("AnnouncementsMade", Scope=announcement.scope)
        if announcement.session_id is not None:
            return
        try:
            self._counts.add_to_day(announcement.created_at)
        except StoreUnavailableError as error:
            self._telemetry.warn("announcement not counted", cause=error.cause)

    def _schedule_redelivery(self, announcement: AnnouncementRecord) -> bool:
        """Schedule the redelivery pass; False if the queue is unavailable."""
        redelivery = RedeliveryPass(
            announcement_id=announcement.announcement_id,
            session_id=announcement.session_id,
            at=self._clock.now_ms(),
        )
        try:
            self._timers.set(redelivery, REDELIVERY_DELAY_SECONDS)
        except StoreUnavailableError as error:
            self._telemetry.warn("redelivery pass not scheduled", cause=error.cause)
            return False
        return True
