"""What a reader asks: what is announced now, and not to be shown it again."""

from __future__ import annotations

from collections.abc import Sequence

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord, Recipient
from shared.announcements.announcement_service import may_announce
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.recipients import Recipients
from shared.announcements.views import active_announcement
from shared.models.connection import CONNECTION_LIFETIME_MS, CONNECTION_RECIPIENT, Caller
from shared.models.request_errors import announcement_not_found, not_in_session
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    AnnouncementAcknowledged,
    GetActiveAnnouncement,
)
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class AcknowledgementService:
    """Answers getActiveAnnouncement and acknowledgeAnnouncement."""

    def __init__(
        self,
        last: ActiveAnnouncements,
        acknowledgements: AcknowledgementStore,
        counts: DeliveryCounts,
        readers: Recipients,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._last = last
        self._acknowledgements = acknowledgements
        self._counts = counts
        self._readers = readers
        self._clock = clock
        self._telemetry = telemetry

    def get_active_announcement(
        self, caller: Caller, request: GetActiveAnnouncement
    ) -> ActiveAnnouncement:
        """The newest of the scope, or of both, that the caller has not acknowledged; who may
        announce there gets it all the same, with how far it got.

        Raises CONNECTION_NOT_FOUND, and NOT_IN_SESSION for the scope `session`.
        """
        reader = self._readers.calling(caller)
        if request.scope == "session" and reader.session_id is None:
            raise not_in_session("getActiveAnnouncement")
        scopes: list[str | None] = [] if request.scope == "session" else [None]
        if request.scope != "all" and reader.session_id is not None:
            scopes.append(reader.session_id)
        active = self.active(scopes)
        own = {
            each.announcement_id for each in active if may_announce(caller, reader, each.session_id)
        }
        hidden = self.acknowledged(
            reader.key, [each for each in active if each.announcement_id not in own]
        )
        shown = [each for each in active if each.announcement_id not in hidden]
        if not shown:
            return ActiveAnnouncement(announcement_id=None, scope=request.scope)
        newest = shown[-1]
        coverage = None
        if newest.announcement_id in own:
            coverage = self._counts.coverage(newest.announcement_id)
        return active_announcement(newest, reader.language(newest.session_id), coverage)

    def acknowledge_announcement(
        self, caller: Caller, request: AcknowledgeAnnouncement
    ) -> AnnouncementAcknowledged:
        """Do not show it to the caller again. Raises CONNECTION_NOT_FOUND and
        ANNOUNCEMENT_NOT_FOUND.
        """
        reader = self._readers.calling(caller)
        if not self.acknowledge(reader, request.announcement_id):
            raise announcement_not_found("announcementId")
        return AnnouncementAcknowledged(announcement_id=request.announcement_id)

    def active(self, session_ids: Sequence[str | None]) -> list[AnnouncementRecord]:
        """What is announced in these scopes now, the newest last."""
        found = self._last.read(session_ids, self._clock.now_ms())
        return [each for each in found if not each.cleared]

    def acknowledged(self, reader: str, announcements: Sequence[AnnouncementRecord]) -> set[str]:
        """The ids of those that the reader has acknowledged."""
        return self._acknowledgements.of(reader, announcements) if announcements else set()

    def acknowledge(self, reader: Recipient, announcement_id: str) -> bool:
        """Safe to repeat; False unless it is active where the reader is."""
        scopes = [None] if reader.session_id is None else [None, reader.session_id]
        for announced in self.active(scopes):
            if announced.announcement_id == announcement_id:
                if not self.acknowledged(reader.key, [announced]):
                    # Counted first, under the reader's name: a repetition is no second one.
                    language = reader.language(announced.session_id)
                    self._counts.acknowledged(announced, language, reader.key)
                    self._acknowledgements.put(announced, reader.key, until=self._until(reader))
                return True
        return False

    def _until(self, reader: Recipient) -> int | None:
        """Until when (s since the epoch) what is known only of a connection can be of use."""
        if not reader.key.startswith(CONNECTION_RECIPIENT):
            return None
        return (self._clock.now_ms() + CONNECTION_LIFETIME_MS) // 1000
