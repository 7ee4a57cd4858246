"""The composition root of the functions that announce, or greet with what is announced."""

from __future__ import annotations

from functools import cached_property

from shared.announcements.acknowledgement_service import AcknowledgementService
from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement_service import AnnouncementService
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.fanout import AnnouncementFanout
from shared.announcements.http_service import AnnouncementHttpService
from shared.announcements.idempotency_keys import IdempotencyKeys
from shared.announcements.late_delivery import LateDelivery
from shared.announcements.publisher import AnnouncementPublisher
from shared.announcements.recipients import Recipients
from shared.announcements.replay import AnnouncementReplay
from shared.data_access.presence import Presence
from shared.data_access.table import Table
from shared.services.broadcast_handler import BroadcastHandler
from shared.wiring.app import App


class ReplayApp(App):
    """The parts of the control function: an app whose joins are greeted, and wait for little."""

    @cached_property
    def greeting(self) -> AnnouncementReplay:
        return self._greeting_over(
            self._outside.announcements_at_once,
            self._broadcasts(self._rosters, self._outside.sender),
        )

    def _greeting_over(self, table: Table, broadcasts: BroadcastHandler) -> AnnouncementReplay:
        return AnnouncementReplay(
            ActiveAnnouncements(table),
            AcknowledgementStore(table),
            DeliveryCounts(table),
            broadcasts,
            self._outside.announcement_timers,
            clock=self.clock,
            telemetry=self.telemetry,
        )


class AnnouncementApp(ReplayApp):
    """The parts of the function that announces."""

    @cached_property
    def announcing(self) -> AnnouncementService:
        return AnnouncementService(self._board, self._seating)

    @cached_property
    def acknowledging(self) -> AcknowledgementService:
        return AcknowledgementService(
            self._last,
            AcknowledgementStore(self._outside.announcements),
            self._counts,
            self._readers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def announcement_desk(self) -> AnnouncementHttpService:
        return AnnouncementHttpService(
            self._board, self.acknowledging, self._counts, self._presence, self.clock
        )

    @cached_property
    def greeting(self) -> AnnouncementReplay:
        """One that tries again as often as everybody else: nobody waits for it."""
        return self._greeting_over(self._outside.announcements, self._sharded)

    @cached_property
    def late_announcements(self) -> LateDelivery:
        return LateDelivery(
            self._last,
            self._fanout,
            self.greeting,
            self._readers,
            timers=self._outside.announcement_timers,
            clock=self.clock,
        )

    @cached_property
    def _board(self) -> AnnouncementPublisher:
        return AnnouncementPublisher(
            self._last,
            IdempotencyKeys(self._outside.announcements),
            self._counts,
            self._fanout,
            self._outside.announcement_timers,
            identifiers=self._identifiers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _fanout(self) -> AnnouncementFanout:
        return AnnouncementFanout(
            self._presence,
            self._connections,
            self._readers,
            self._sharded,
            self._counts,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _last(self) -> ActiveAnnouncements:
        return ActiveAnnouncements(self._outside.announcements)

    @cached_property
    def _counts(self) -> DeliveryCounts:
        return DeliveryCounts(self._outside.announcements)

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self._outside.connections)

    @cached_property
    def _readers(self) -> Recipients:
        return Recipients(self._sessions, self._connections)

    @cached_property
    def _sharded(self) -> BroadcastHandler:
        return self._broadcasts(self._rosters, self._outside.sharded_sender)
