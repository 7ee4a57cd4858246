"""Telling a crowd of an announcement: all connected, or in a session, each in their language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from shared.announcements.announcement import AnnouncementRecord, language_of
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.recipients import Recipients
from shared.announcements.views import announcement, announcement_cleared
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.presence import Presence, PresentConnection
from shared.fanout.audience import RecipientsAudience
from shared.models.delivery import Outcome
from shared.protocol.message_base import encode
from shared.services.broadcast_handler import BroadcastHandler
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long telling a crowd may take (ms): shards are to end before their function's time is over.
DEADLINE_MS = 8_000
# Whoever came at most so long before an announcement (ms) may not have been in the index.
INDEX_LAG_MS = 5_000
# What passes between an announcement's time and when its crowd is looked at (ms).
_UNTIL_TOLD_MS = 1_000
# By how much the clocks of who seats readers and of who announces may differ (ms).
_CLOCKS_DIFFER_MS = 1_000
# So many of a crowd are remembered; of a larger one some are told twice. A row takes 400 KB.
_MOST_REMEMBERED = 2_000

_EVERYBODY = "everybody"


class _Reading(NamedTuple):
    """A connection, the language that it reads, and when it came (ms) if that is known."""

    connection_id: str
    language: str
    came: int | None = None


class AnnouncementFanout:
    """One audience for each language that is read, all of them at once."""

    def __init__(
        self,
        presence: Presence,
        connections: ConnectionsRepository,
        readers: Recipients,
        broadcasts: BroadcastHandler,
        counts: DeliveryCounts,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._presence = presence
        self._connections = connections
        self._readers = readers
        self._broadcasts = broadcasts
        self._counts = counts
        self._clock = clock
        self._telemetry = telemetry

    def tell(
        self,
        news: AnnouncementRecord,
        *,
        except_for: str | None = None,
        late_after: int | None = None,
    ) -> Mapping[str, int]:
        """Send what the announcement is now, active or cleared; returns to how many connections of
        each language it got. As the late pass after what was told at `late_after` (ms), only to
        those whom no index may have had by then, and of whom is not remembered that they know it.

        Raises StoreUnavailableError if it is not known who is there.
        """
        told = set() if late_after is None else self._counts.told(news)
        crowd: defaultdict[str, list[str]] = defaultdict(list)
        new_since = self._clock.now_ms() - _UNTIL_TOLD_MS - INDEX_LAG_MS
        new = set() if except_for is None else {except_for}
        for each in self._crowd(news.session_id, late_after):
            if each.connection_id == except_for or each.connection_id in told:
                continue
            crowd[_EVERYBODY if news.cleared else each.language].append(each.connection_id)
            if each.came is None or each.came >= new_since:
                new.add(each.connection_id)
        deliveries = self._broadcasts.broadcast(
            [
                (
                    RecipientsAudience(news.session_id or "", language, readers),
                    _message(news, language),
                )
                for language, readers in crowd.items()
            ],
            self._clock.now_ms() + DEADLINE_MS,
        )
        delivered = {result.language: result.success_count for result, _ in deliveries}
        for _, outcomes in deliveries:
            new.difference_update(
                reader for reader, outcome in outcomes.items() if outcome is not Outcome.SENT
            )
        self._count(news, delivered, new)
        return delivered

    def _crowd(self, session_id: str | None, late_after: int | None) -> Iterator[_Reading]:
        source_language = None
        if session_id is not None:
            session = self._readers.session(session_id)
            if session is None:
                return
            source_language = session.source_language
            if late_after is None:
                for connection_id, seat in self._connections.roster(session_id):
                    yield _Reading(connection_id, language_of(seat, source_language))
                return
        present = (
            self._presence.connections()
            if session_id is None
            else self._presence.members(session_id)
        )
        for each in present:
            if late_after is None or _is_missed(each, late_after):
                language = language_of(each.seat, source_language)
                yield _Reading(each.connection_id, language, _came(each))

    def _count(
        self, news: AnnouncementRecord, delivered: Mapping[str, int], new: Iterable[str]
    ) -> None:
        try:
            self._counts.delivered(news, delivered, told=list(islice(new, _MOST_REMEMBERED)))
        except StoreUnavailableError as error:
            self._telemetry.warn("deliveries not counted", cause=error.cause)


def _is_missed(present: PresentConnection, then: int) -> bool:
    """Whether they may have come just before `then`, and no index had them. Who sat down later has
    been greeted, and who only connects is not told what was announced before; perhaps they have
    acknowledged it on another connection, which is not known of who has no token.
    """
    until = then if present.seated_at is None else then + _CLOCKS_DIFFER_MS
    return then - INDEX_LAG_MS <= _came(present) <= until


def _came(present: PresentConnection) -> int:
    return max(present.connected_at, present.seated_at or 0)


def _message(news: AnnouncementRecord, language: str) -> bytes:
    return encode(announcement_cleared(news) if news.cleared else announcement(news, language))
