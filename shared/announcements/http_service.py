"""Announcements to everybody for tools and scripts: what the HTTP API's routes do."""

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
    """Announces, clears and counts for operators; the rest is for whoever has a token."""

    def __init__(
        self,
        board: AnnouncementPublisher,
        acknowledging: AcknowledgementService,
        counts: DeliveryCounts,
        presence: Presence,
        clock: Clock,
    ) -> None:
        self._board = board
        self._acknowledging = acknowledging
        self._counts = counts
        self._presence = presence
        self._clock = clock

    def announce(self, caller: HttpCaller, request: BroadcastRequest) -> BroadcastSent:
        """Tell everybody connected. Raises INVALID_ANNOUNCEMENT, INVALID_LANGUAGE, FORBIDDEN."""
        text = validate_announcement(request.message, request.type, request.translations)
        _require_announcer(caller, "announcing to everybody")
        author = Author(caller.user_id, idempotency_key=request.idempotency_key)
        announced, coverage = self._board.announce(None, text, author)
        return BroadcastSent(
            id=announced.announcement_id,
            message=announced.message,
            character_count=len(announced.message),
            max_characters=MAX_CHARACTERS,
            sent_to_users=coverage.delivered,
        )

    def clear(self, caller: HttpCaller) -> BroadcastCleared:
        """Take back what is announced to everybody. Raises FORBIDDEN."""
        _require_announcer(caller, "clearing")
        cleared, told = self._board.clear(None, None)
        return BroadcastCleared(
            message="nothing was announced" if cleared is None else "cleared",
            cleared_for_users=told,
        )

    def acknowledge(self, caller: HttpCaller, request: AcknowledgeRequest) -> BroadcastAcknowledged:
        """Do not show it to the user again. Raises ANNOUNCEMENT_NOT_FOUND."""
        if not self._acknowledging.acknowledge(_reader(caller), request.broadcast_id):
            raise announcement_not_found("broadcast_id")
        return BroadcastAcknowledged(broadcast_id=request.broadcast_id)

    def active(self, caller: HttpCaller) -> Active:
        """What is announced, unless the user has acknowledged it."""
        announced = self._active()
        if announced is None or self._acknowledging.acknowledged(_reader(caller).key, [announced]):
            return Active(broadcast=None)
        return Active(
            broadcast=ActiveBroadcast(
                id=announced.announcement_id,
                message=announced.message,
                type=announced.message_type,
            )
        )

    def limits(self, _caller: HttpCaller) -> Limits:
        """What a text may be."""
        return Limits(
            max_characters=MAX_CHARACTERS,
            recommended_length=RECOMMENDED_CHARACTERS,
            current_active_broadcasts=0 if self._active() is None else 1,
        )

    def stats(self, caller: HttpCaller) -> Stats:
        """How much was announced and how far it got. Reads who is connected, a query for each
        bucket and page. Raises FORBIDDEN.
        """
        _require_announcer(caller, "reading the figures")
        announced = self._active()
        return Stats(
            stats=BroadcastStats(
                broadcasts_today=self._counts.today(self._clock.now_ms()),
                active_broadcast=None if announced is None else self._covered(announced),
                connected_users=self._connected_users(),
                max_characters=MAX_CHARACTERS,
            )
        )

    def _active(self) -> AnnouncementRecord | None:
        found = self._acknowledging.active([None])
        return found[0] if found else None

    def _covered(self, announced: AnnouncementRecord) -> CoveredBroadcast:
        coverage = self._counts.coverage(announced.announcement_id)
        return CoveredBroadcast(
            id=announced.announcement_id,
            message=announced.message,
            type=announced.message_type,
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


def _reader(caller: HttpCaller) -> Recipient:
    return Recipient(connection_id="", key=f"user#{caller.user_id}")
