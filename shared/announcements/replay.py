"""What is announced is told to who joins or creates a session.

A push and a clear, or a new announcement, may cross. Hence after a push there is another look: what
has changed meanwhile is told too, so that the last word is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord, Recipient
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.timers import ReplayDue
from shared.announcements.views import active_announcement, announcement_cleared
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

# How often is looked for what has changed; what changes later still, its own late pass tells.
_LOOKS = 4
# By then an announcement's late pass has been (ms).
_LATE_PASS_MS = 5_000

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply", SessionCreated, SessionJoined)


class AnnouncementReplay:
    """Tells readers what is announced where they have come to."""

    def __init__(
        self,
        last: ActiveAnnouncements,
        acknowledgements: AcknowledgementStore,
        counts: DeliveryCounts,
        broadcasts: BroadcastHandler,
        timers: Timers[ReplayDue],
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._last = last
        self._acknowledgements = acknowledgements
        self._counts = counts
        self._broadcasts = broadcasts
        self._timers = timers
        self._clock = clock
        self._telemetry = telemetry

    def greeting(
        self, service: Callable[[Caller, _Request], _Reply]
    ) -> Callable[[Caller, _Request], _Reply]:
        """`service`, whose callers are greeted where they have sat down. Costs one read if nothing
        is announced. If announcements are out of reach, that is counted and the greeting is left
        to the queue: the reply does not wait for it.
        """

        def greeted(caller: Caller, request: _Request) -> _Reply:
            reply = service(caller, request)
            reader = _reader(caller, reply)
            try:
                self.greet(reader)
            except StoreUnavailableError as error:
                self._telemetry.count("AnnouncementsUnavailable")
                self._telemetry.warn("reader not greeted", cause=error.cause)
                self._greet_later(reader)
            return reply

        return greeted

    def greet(self, reader: Recipient) -> None:
        """Tell the reader what is active and they have not acknowledged. Raises
        StoreUnavailableError if that is not known, or cannot be sent.
        """
        scopes = [None] if reader.session_id is None else [None, reader.session_id]
        told: dict[str | None, AnnouncementRecord] = {}
        for _ in range(_LOOKS):
            now = self._last.read(scopes, self._clock.now_ms())
            news = [each for each in now if self._is_news(each, told.get(each.session_id))]
            if not news:
                return
            self._tell(reader, news)
            told |= {each.session_id: each for each in news}

    @staticmethod
    def _is_news(present: AnnouncementRecord, told: AnnouncementRecord | None) -> bool:
        if told is None or told.announcement_id != present.announcement_id:
            return not present.cleared or told is not None
        return present.cleared and not told.cleared

    def _tell(self, reader: Recipient, news: Iterable[AnnouncementRecord]) -> None:
        active = [each for each in news if not each.cleared]
        acknowledged = self._acknowledgements.of(reader.key, active) if active else set()
        for each in news:
            if each.cleared:
                self._push(reader, each, announcement_cleared(each))
            elif each.announcement_id in acknowledged:
                self._count(each, {}, reader)
            else:
                language = reader.language(each.session_id)
                if self._push(reader, each, active_announcement(each, language)):
                    self._count(each, {language: 1}, reader)

    def _push(
        self, reader: Recipient, announced: AnnouncementRecord, message: ServerMessage
    ) -> bool:
        language = reader.language(announced.session_id)
        audience = RecipientsAudience(reader.session_id or "", language, [reader.connection_id])
        (delivery,) = self._broadcasts.broadcast(
            [(audience, encode(message))], self._clock.now_ms() + CONTROL_DEADLINE_MS
        )
        result = delivery.result
        if result.failure_count or result.dropped_count:
            raise StoreUnavailableError("greeting not delivered")
        return result.success_count == 1

    def _count(
        self, announced: AnnouncementRecord, delivered: Mapping[str, int], reader: Recipient
    ) -> None:
        # Afterwards there is no late pass that would tell them again, or what they acknowledged.
        is_new = self._clock.now_ms() < announced.created_at + _LATE_PASS_MS
        told = [reader.connection_id] if is_new else []
        try:
            self._counts.delivered(announced, delivered, reader.key, told=told)
        except StoreUnavailableError as error:
            self._telemetry.warn("deliveries not counted", cause=error.cause)

    def _greet_later(self, reader: Recipient) -> None:
        due = ReplayDue(connection_id=reader.connection_id, reader=reader.key)
        try:
            self._timers.set(due, 0)
        except StoreUnavailableError as error:
            self._telemetry.warn("greeting not left to the queue", cause=error.cause)


def _reader(caller: Caller, reply: SessionCreated | SessionJoined) -> Recipient:
    """The caller as the reply says that they sit."""
    seat = SPEAKER_SEAT
    if isinstance(reply, SessionJoined) and reply.role != "speaker":
        seat = Seat(reply.role, reply.target_language)
    return Recipient(
        caller.connection_id, caller.recipient_key, reply.session_id, seat, reply.source_language
    )
