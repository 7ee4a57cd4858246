"""Putting announcements up and taking them down, whoever does it by whatever door.

First the scope's row is written, then a late pass is set, then everybody is told, then that is
noted. If this function dies on the way, the late pass tells those who were not told.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.fanout import AnnouncementFanout
from shared.announcements.idempotency_keys import IdempotencyKeys
from shared.announcements.timers import RedeliveryPass
from shared.announcements.validators import AnnouncementText
from shared.data_access.errors import StoreUnavailableError
from shared.models.timers import Timers
from shared.protocol.announcement_messages import Coverage, LanguageCoverage
from shared.utils.clock import Clock
from shared.utils.identifiers import Identifiers
from shared.utils.telemetry import Telemetry

# Indexes lag behind their tables by less (s): the first pass has missed who came just before it.
LATE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Author:
    """Who announces, on which connection if on any, and their name for this announcement."""

    user_id: str
    connection_id: str | None = None
    idempotency_key: str | None = None


class AnnouncementPublisher:
    """Announces and clears, for those who may. All methods raise StoreUnavailableError."""

    def __init__(
        self,
        last: ActiveAnnouncements,
        once: IdempotencyKeys,
        counts: DeliveryCounts,
        fanout: AnnouncementFanout,
        timers: Timers[RedeliveryPass],
        *,
        identifiers: Identifiers,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._last = last
        self._once = once
        self._counts = counts
        self._fanout = fanout
        self._timers = timers
        self._identifiers = identifiers
        self._clock = clock
        self._telemetry = telemetry

    def announce(
        self, session_id: str | None, text: AnnouncementText, author: Author
    ) -> tuple[AnnouncementRecord, Coverage]:
        """Make it the scope's announcement and tell everybody, but for the author's connection;
        returns it, with how far it got. What the author has announced with that key before is
        returned again, and sent if nobody has got so far.
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
            before = self._once.claim(author.user_id, author.idempotency_key, draft)
        active = self._last.activate(draft) if before is None else self._last.resume(before)
        if active is None:
            return self._again(before or draft)
        delivered = self._tell(active, author.connection_id)
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
        """Take the scope's announcement down and tell everybody but that connection; returns it
        with how many were told, or None if there was none.
        """
        cleared = self._last.clear(session_id)
        if cleared is None:
            return None, 0
        return cleared, sum(self._tell(cleared, connection_id).values())

    def _again(self, announced: AnnouncementRecord) -> tuple[AnnouncementRecord, Coverage]:
        """What somebody else announces, or has announced, for this author."""
        for last in self._last.read([announced.session_id], 0):
            if last.announcement_id == announced.announcement_id and not last.cleared:
                announced = last
                if not last.told and not self._tell_late(last):
                    # They may have died before they set one.
                    raise StoreUnavailableError("late pass not set")
        return announced, self._counts.coverage(announced.announcement_id)

    def _tell(self, news: AnnouncementRecord, except_for: str | None) -> dict[str, int]:
        is_told_late = self._tell_late(news)
        try:
            delivered = self._fanout.tell(news, except_for=except_for)
            self._last.note_told(news)
        except StoreUnavailableError as error:
            # It stands as announced: who comes is told, and the late pass tells the others.
            self._telemetry.warn("announcement not told yet", cause=error.cause)
            if not is_told_late:
                raise
            return {}
        return dict(delivered)

    def _count(self, announced: AnnouncementRecord) -> None:
        self._telemetry.count_by("AnnouncementsMade", Scope=announced.scope)
        if announced.session_id is not None:
            return
        try:
            self._counts.count_today(announced.created_at)
        except StoreUnavailableError as error:
            self._telemetry.warn("announcement not counted", cause=error.cause)

    def _tell_late(self, news: AnnouncementRecord) -> bool:
        """Whether there will be a late pass."""
        late = RedeliveryPass(
            announcement_id=news.announcement_id,
            session_id=news.session_id,
            at=self._clock.now_ms(),
        )
        try:
            self._timers.set(late, LATE_SECONDS)
        except StoreUnavailableError as error:
            self._telemetry.warn("late pass not set", cause=error.cause)
            return False
        return True
