"""App of the announcements function."""

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
from shared.announcements.publisher import AnnouncementPublisher
from shared.announcements.recipients import Recipients
from shared.announcements.redelivery import AnnouncementRedelivery
from shared.announcements.replay import AnnouncementReplay
from shared.data_access.presence import Presence
from shared.services.broadcast_handler import BroadcastHandler
from shared.wiring.app import App


class AnnouncementApp(App):
    """The parts of the announcements function."""

    @cached_property
    def announcement_service(self) -> AnnouncementService:
        return AnnouncementService(self._publisher, self._seat_lookup)

    @cached_property
    def acknowledgement_service(self) -> AcknowledgementService:
        return AcknowledgementService(
            self._active,
            self._acknowledgements,
            self._counts,
            self._recipients,
            clock=self.clock,
        )

    @cached_property
    def http_service(self) -> AnnouncementHttpService:
        return AnnouncementHttpService(
            self._publisher, self.acknowledgement_service, self._counts, self._presence, self.clock
        )

    @cached_property
    def redelivery(self) -> AnnouncementRedelivery:
        replay = AnnouncementReplay(
            self._active,
            self._acknowledgements,
            self._counts,
            self._sharded_broadcasts,
            self._aws.announcement_timers,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return AnnouncementRedelivery(
            self._active,
            self._fanout,
            replay,
            self._recipients,
            timers=self._aws.announcement_timers,
            clock=self.clock,
        )

    @cached_property
    def _publisher(self) -> AnnouncementPublisher:
        return AnnouncementPublisher(
            self._active,
            IdempotencyKeys(self._aws.announcements),
            self._counts,
            self._fanout,
            self._aws.announcement_timers,
            identifiers=self._identifiers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _fanout(self) -> AnnouncementFanout:
        return AnnouncementFanout(
            self._presence,
            self._connections,
            self._recipients,
            self._sharded_broadcasts,
            self._counts,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _active(self) -> ActiveAnnouncements:
        return ActiveAnnouncements(self._aws.announcements)

    @cached_property
    def _acknowledgements(self) -> AcknowledgementStore:
        return AcknowledgementStore(self._aws.announcements)

    @cached_property
    def _counts(self) -> DeliveryCounts:
        return DeliveryCounts(self._aws.announcements)

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self._aws.connections)

    @cached_property
    def _recipients(self) -> Recipients:
        return Recipients(self._sessions, self._connections)

    @cached_property
    def _sharded_broadcasts(self) -> BroadcastHandler:
        return self._broadcasts(self._rosters, self._aws.sharded_sender)
