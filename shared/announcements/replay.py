"""Replay of active announcements to connections that join or create a session.

A replay may cross a clear or a new announcement. So the scopes are read again after each push, and
changes are pushed too, until the recipient has the latest state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord, Recipient
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.known_absences import KnownAbsences
from shared.announcements.timers import ReplayDue
from shared.announcements.views import active_announcement_message, announcement_cleared_message
from shared.data_access.errors import StoreUnavailableError
from shared.fanout.audience import RecipientsAudience
from shared.models.connection import SPEAKER_SEAT, Caller, Seat
from shared.models.timers import Timers
from shared.protocol.message_base import ServerMessage, encode
from shared.protocol.messages import SessionCreated, SessionJoined
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.session_notifier import CONTROL_DEADLINE_MS
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Maximum reads per replay. Redelivery passes cover later changes.
_MAX_READS = 4
# An announcement of this age has had its redelivery pass (ms).
_REDELIVERED_AFTER_MS = 5_000

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply", SessionCreated, SessionJoined)


class AnnouncementReplay:
    """Sends active announcements to recipients who have just taken a seat."""

    def __init__(
        self,
        announcements: ActiveAnnouncements,
        acknowledgements: AcknowledgementStore,
        counts: DeliveryCounts,
        broadcasts: BroadcastHandler,
        timers: Timers[ReplayDue],
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._announcements = announcements
        self._acknowledgements = acknowledgements
        self._counts = counts
        self._broadcasts = broadcasts
        self._timers = timers
        self._clock = clock
        self._telemetry = telemetry
        self._absences = KnownAbsences()

    def replay_after(
        self, service: Callable[[Caller, _Request], _Reply]
    ) -> Callable[[Caller, _Request], _Reply]:
        """Wrap a service so that its callers get a replay once they are seated.

        Costs one read a second and instance if nothing is announced. If the replay fails, it is
        counted and deferred to the queue, and the reply is returned without waiting.
        """

        def serve_and_replay(caller: Caller, request: _Request) -> _Reply:
            reply = service(caller, request)
            recipient = _recipient(caller, reply)
            try:
                self.replay(recipient)
            except StoreUnavailableError as error:
                self._telemetry.count("AnnouncementsUnavailable")
                self._telemetry.warn("announcements not replayed", cause=error.cause)
                self._defer(recipient)
            return reply

        return serve_and_replay

    def replay(self, recipient: Recipient) -> None:
        """Send the active announcements that the recipient has not acknowledged.

        Raises StoreUnavailableError if they cannot be read or sent.
        """
        sent: dict[str | None, AnnouncementRecord] = {}
        scopes = self._absences.unknown(recipient.scopes, self._clock.now_ms())
        for _ in range(_MAX_READS if scopes else 0):
            now = self._clock.now_ms()
            latest = self._announcements.read(scopes, now)
            self._absences.record(scopes, latest, now)
            news = [each for each in latest if self._is_news(each, sent.get(each.session_id))]
            if not news:
                return
            self._send(recipient, news)
            sent |= {each.session_id: each for each in news}

    @staticmethod
    def _is_news(latest: AnnouncementRecord, sent: AnnouncementRecord | None) -> bool:
        if sent is None or sent.announcement_id != latest.announcement_id:
            return not latest.cleared or sent is not None
        return latest.cleared and not sent.cleared

    def _send(self, recipient: Recipient, news: Iterable[AnnouncementRecord]) -> None:
        active = [each for each in news if not each.cleared]
        acknowledged = (
            self._acknowledgements.acknowledged_ids(recipient.key, active) if active else set()
        )
        for each in news:
            if each.cleared:
                self._push(recipient, each, announcement_cleared_message(each))
            elif each.announcement_id in acknowledged:
                self._count(each, {}, recipient)
            else:
                language = recipient.language(each.session_id)
                if self._push(recipient, each, active_announcement_message(each, language)):
                    self._count(each, {language: 1}, recipient)

    def _push(
        self, recipient: Recipient, announcement: AnnouncementRecord, message: ServerMessage
    ) -> bool:
        """Push a message; False if the connection is gone."""
        language = recipient.language(announcement.session_id)
        audience = RecipientsAudience(
            recipient.session_id or "", language, [recipient.connection_id]
        )
        (delivery,) = self._broadcasts.broadcast(
            [(audience, encode(message))], self._clock.now_ms() + CONTROL_DEADLINE_MS
        )
        result = delivery.result
        if result.missed_count:
            raise StoreUnavailableError("replay not delivered")
        return result.success_count == 1

    def _count(
        self, announcement: AnnouncementRecord, delivered: Mapping[str, int], recipient: Recipient
    ) -> None:
        # Listed as reached only if a redelivery pass is still to come. It must also skip
        # recipients who have acknowledged the announcement.
        is_recent = self._clock.now_ms() < announcement.created_at + _REDELIVERED_AFTER_MS
        reached = [recipient.connection_id] if is_recent else []
        try:
            self._counts.add_deliveries(announcement, delivered, recipient.key, reached=reached)
        except StoreUnavailableError as error:
            self._telemetry.warn("deliveries not counted", cause=error.cause)

    def _defer(self, recipient: Recipient) -> None:
        due = ReplayDue(connection_id=recipient.connection_id, recipient_key=recipient.key)
        try:
            self._timers.set(due, 0)
        except StoreUnavailableError as error:
            self._telemetry.warn("replay not deferred", cause=error.cause)


def _recipient(caller: Caller, reply: SessionCreated | SessionJoined) -> Recipient:
    """Return the caller with the seat that the reply grants."""
    seat = SPEAKER_SEAT
    if isinstance(reply, SessionJoined) and reply.role != "speaker":
        seat = Seat(reply.role, reply.target_language)
    return Recipient(
        caller.connection_id, caller.recipient_key, reply.session_id, seat, reply.source_language
    )
