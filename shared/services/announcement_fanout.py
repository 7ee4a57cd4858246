"""Telling a crowd of an announcement: all connected, or in a session, each in their language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from shared.data_access.announcement_counts import AnnouncementCounts
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.failures import StoreUnavailableError
from shared.data_access.presence import Presence, Present
from shared.models.announced import Announced, language_of
from shared.models.announcement_views import announcement, announcement_cleared
from shared.models.connection import Seat
from shared.models.message_base import encode
from shared.services.audience import ReadersAudience
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.readers import Readers
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long telling a crowd may take (ms): shards are to end before their function's time is over.
DEADLINE_MS = 8_000

_EVERYBODY = "everybody"


class AnnouncementFanout:
    """One audience for each language that is read, all of them at once."""

    def __init__(
        self,
        presence: Presence,
        connections: ConnectionsRepository,
        readers: Readers,
        broadcasts: BroadcastHandler,
        counts: AnnouncementCounts,
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
        self, news: Announced, *, except_for: str | None = None, come_since: int | None = None
    ) -> Mapping[str, int]:
        """Send what the announcement is now, active or cleared; returns to how many connections of
        each language it got. With `come_since` (ms) only to those who have connected or sat down
        since then.

        Raises StoreUnavailableError if it is not known who is there.
        """
        crowd: defaultdict[str, list[str]] = defaultdict(list)
        for connection_id, language in self._crowd(news.session_id, come_since):
            if connection_id != except_for:
                crowd[_EVERYBODY if news.cleared else language].append(connection_id)
        results = self._broadcasts.broadcast(
            [
                (
                    ReadersAudience(news.session_id or "", language, readers),
                    _message(news, language),
                )
                for language, readers in crowd.items()
            ],
            self._clock.now_ms() + DEADLINE_MS,
        )
        delivered = {result.language: result.success_count for result in results}
        if not news.cleared:
            self._count(news, delivered)
        return delivered

    def _crowd(self, session_id: str | None, come_since: int | None) -> Iterator[tuple[str, str]]:
        """Connections with the language that each reads."""
        source_language = None
        seated: Iterator[tuple[str, Seat | None]]
        if session_id is not None:
            session = self._readers.session(session_id)
            if session is None:
                return
            source_language = session.source_language
        if session_id is not None and come_since is None:
            seated = iter(self._connections.roster(session_id))
        else:
            present = (
                self._presence.everyone()
                if session_id is None
                else iter(self._presence.members(session_id))
            )
            seated = (
                (each.connection_id, each.seat)
                for each in present
                if come_since is None or _came(each) >= come_since
            )
        for connection_id, seat in seated:
            yield connection_id, language_of(seat, source_language)

    def _count(self, news: Announced, delivered: Mapping[str, int]) -> None:
        try:
            self._counts.delivered(news, delivered)
        except StoreUnavailableError as error:
            self._telemetry.warn("deliveries not counted", cause=error.cause)


def _came(present: Present) -> int:
    return max(present.connected_at, present.seated_at or 0)


def _message(news: Announced, language: str) -> bytes:
    return encode(announcement_cleared(news) if news.cleared else announcement(news, language))
