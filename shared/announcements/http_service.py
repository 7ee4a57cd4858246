"""Announcements to everyone over the HTTP API, for tools and scripts."""

from __future__ import annotations

from shared.announcements.acknowledgement_service import AcknowledgementService
from shared.announcements.announcement import AnnouncementRecord, Recipient
from shared.announcements.announcement_service import ANNOUNCERS
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.publisher import AnnouncementPublisher, Author
from shared.announcements.validators import (
    MAX_CHARACTERS,
    RECOMMENDED_CHARACTERS,
    validate_announcement,
)
from shared.data_access.presence import Presence
from shared.models.request_errors import announcement_not_found, forbidden
from shared.protocol.announcement_http import (
    AcknowledgeRequest,
    Active,
    ActiveBroadcast,
    BroadcastAcknowledged,
    BroadcastCleared,
    BroadcastRequest,
    BroadcastSent,
    BroadcastStats,
    CoveredBroadcast,
    Limits,
    Stats,
)
from shared.protocol.http_messages import HttpCaller
from shared.utils.clock import Clock


class AnnouncementHttpService:
    """Serves the HTTP routes.

    Operators announce, clear and read statistics; the other routes are open to any valid token.
    All methods raise StoreUnavailableError.
    """

    def __init__(
        self,
        publisher: AnnouncementPublisher,
        acknowledgements: AcknowledgementService,
        counts: DeliveryCounts,
        presence: Presence,
        clock: Clock,
    ) -> None:
        self._publisher = publisher
        self._acknowledgements = acknowledgements
        self._counts = counts
        self._presence = presence
        self._clock = clock

    def announce(self, caller: HttpCaller, request: BroadcastRequest) -> BroadcastSent:
        """Announce to everyone.

        Raises INVALID_ANNOUNCEMENT, INVALID_LANGUAGE and FORBIDDEN.
        """
        text = validate_announcement(request.message, request.type, request.translations)
        _require_announcer(caller, "announcing to everyone")
        author = Author(caller.user_id, idempotency_key=request.idempotency_key)
        announcement, coverage = self._publisher.announce(None, text, author)
        return BroadcastSent(
            id=announcement.announcement_id,
            message=announcement.message,
            character_count=len(announcement.message),
            max_characters=MAX_CHARACTERS,
            sent_to_users=coverage.delivered,
        )

    def clear(self, caller: HttpCaller) -> BroadcastCleared:
        """Clear the announcement to everyone. Raises FORBIDDEN."""
        _require_announcer(caller, "clearing")
        cleared, notified = self._publisher.clear(None, None)
        return BroadcastCleared(
            message="nothing was announced" if cleared is None else "cleared",
            cleared_for_users=notified,
        )

    def acknowledge(self, caller: HttpCaller, request: AcknowledgeRequest) -> BroadcastAcknowledged:
        """Hide an announcement from the user. Raises ANNOUNCEMENT_NOT_FOUND."""
        if not self._acknowledgements.acknowledge(_recipient(caller), request.broadcast_id):
            raise announcement_not_found("broadcast_id")
        return BroadcastAcknowledged(broadcast_id=request.broadcast_id)

    def active(self, caller: HttpCaller) -> Active:
        """Return the active announcement, unless the user has acknowledged it."""
        announcement = self._active()
        if announcement is None or self._acknowledgements.acknowledged_ids(
            _recipient(caller).key, [announcement]
        ):
            return Active(broadcast=None)
        return Active(
            broadcast=ActiveBroadcast(
                id=announcement.announcement_id,
                message=announcement.message,
                type=announcement.message_type,
            )
        )

    def limits(self, _caller: HttpCaller) -> Limits:
        """Return the limits of a text."""
        return Limits(
            max_characters=MAX_CHARACTERS,
            recommended_length=RECOMMENDED_CHARACTERS,
            current_active_broadcasts=0 if self._active() is None else 1,
        )

    def stats(self, caller: HttpCaller) -> Stats:
        """Return statistics. Reads all connections, one query per bucket and page.

        Raises FORBIDDEN.
        """
        _require_announcer(caller, "reading statistics")
        announcement = self._active()
        return Stats(
            stats=BroadcastStats(
                broadcasts_today=self._counts.on_day(self._clock.now_ms()),
                active_broadcast=None
                if announcement is None
                else self._with_coverage(announcement),
                connected_users=self._connected_users(),
                max_characters=MAX_CHARACTERS,
            )
        )

    def _active(self) -> AnnouncementRecord | None:
        found = self._acknowledgements.active([None])
        return found[0] if found else None

    def _with_coverage(self, announcement: AnnouncementRecord) -> CoveredBroadcast:
        coverage = self._counts.coverage(announcement.announcement_id)
        return CoveredBroadcast(
            id=announcement.announcement_id,
            message=announcement.message,
            type=announcement.message_type,
            delivered=coverage.delivered,
            acknowledged=coverage.acknowledged,
            languages=coverage.languages,
        )

    def _connected_users(self) -> int:
        return len(
            {
                ("connection", present.connection_id)
                if present.user_id is None
                else ("user", present.user_id)
                for present in self._presence.connections()
            }
        )


def _require_announcer(caller: HttpCaller, action: str) -> None:
    if ANNOUNCERS not in caller.groups:
        raise forbidden(action, f"members of the group {ANNOUNCERS}")


def _recipient(caller: HttpCaller) -> Recipient:
    return Recipient(connection_id="", key=f"user#{caller.user_id}")
