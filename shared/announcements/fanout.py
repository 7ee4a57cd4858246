"""Fan-out of an announcement, each recipient in their language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from shared.announcements.announcement import AnnouncementRecord, language_of
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.known_absences import ABSENCE_MS
from shared.announcements.recipients import Recipients
from shared.announcements.views import announcement_cleared_message, announcement_message
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.presence import Presence, PresentConnection
from shared.fanout.audience import RecipientsAudience
from shared.models.delivery import Outcome
from shared.protocol.message_base import encode
from shared.services.broadcast_handler import BroadcastHandler
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Deadline of a fan-out (ms): its shards must end before their function times out.
DEADLINE_MS = 8_000
# Connections that arrived this shortly before an announcement (ms) may be missing from the index.
INDEX_LAG_MS = 5_000
# Maximum time from an announcement's creation to the lookup of its recipients (ms).
_LOOKUP_DELAY_MS = 1_000
# Maximum difference between the clocks of the functions that seat recipients and announce (ms).
_CLOCK_SKEW_MS = 1_000
# Maximum number of connections listed as reached; a row is limited to 400 KB. Beyond it, some
# recipients get an announcement twice.
_MAX_REACHED = 2_000

_ANY_LANGUAGE = "everybody"


class _Target(NamedTuple):
    """A connection, its language, and when it arrived (ms), if known."""

    connection_id: str
    language: str
    arrived_at: int | None = None


class AnnouncementFanout:
    """Sends announcements to one audience per language, all at once."""

    def __init__(
        self,
        presence: Presence,
        connections: ConnectionsRepository,
        recipients: Recipients,
        broadcasts: BroadcastHandler,
        counts: DeliveryCounts,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._presence = presence
        self._connections = connections
        self._recipients = recipients
        self._broadcasts = broadcasts
        self._counts = counts
        self._clock = clock
        self._telemetry = telemetry

    def send(
        self,
        announcement: AnnouncementRecord,
        *,
        except_for: str | None = None,
        first_pass_at: int | None = None,
    ) -> Mapping[str, int]:
        """Send the announcement's current state, active or cleared.

        Returns the number of connections reached by language. With `first_pass_at` (ms), this is
        the redelivery pass: it sends only to connections that the index may have lacked at that
        time and that are not listed as reached.

        Raises StoreUnavailableError if the recipients cannot be looked up.
        """
        reached = set() if first_pass_at is None else self._counts.reached(announcement)
        by_language: defaultdict[str, list[str]] = defaultdict(list)
        recent_since = self._clock.now_ms() - _LOOKUP_DELAY_MS - INDEX_LAG_MS
        recent = set() if except_for is None else {except_for}
        for target in self._targets(announcement.session_id, first_pass_at):
            if target.connection_id == except_for or target.connection_id in reached:
                continue
            language = _ANY_LANGUAGE if announcement.cleared else target.language
            by_language[language].append(target.connection_id)
            if target.arrived_at is None or target.arrived_at >= recent_since:
                recent.add(target.connection_id)
        deliveries = self._broadcasts.broadcast(
            [
                (
                    RecipientsAudience(announcement.session_id or "", language, connection_ids),
                    _message(announcement, language),
                )
                for language, connection_ids in by_language.items()
            ],
            self._clock.now_ms() + DEADLINE_MS,
        )
        delivered = {result.language: result.success_count for result, _ in deliveries}
        for _, outcomes in deliveries:
            recent.difference_update(
                connection_id
                for connection_id, outcome in outcomes.items()
                if outcome is not Outcome.SENT
            )
        self._count(announcement, delivered, recent)
        return delivered

    def _targets(self, session_id: str | None, first_pass_at: int | None) -> Iterator[_Target]:
        source_language = None
        if session_id is not None:
            session = self._recipients.active_session(session_id)
            if session is None:
                return
            source_language = session.source_language
            if first_pass_at is None:
                for connection_id, seat in self._connections.roster(session_id):
                    yield _Target(connection_id, language_of(seat, source_language))
                return
        present = (
            self._presence.connections()
            if session_id is None
            else self._presence.members(session_id)
        )
        for each in present:
            if first_pass_at is None or _may_be_missed(each, first_pass_at):
                language = language_of(each.seat, source_language)
                yield _Target(each.connection_id, language, _arrived_at(each))

    def _count(
        self,
        announcement: AnnouncementRecord,
        delivered: Mapping[str, int],
        reached: Iterable[str],
    ) -> None:
        try:
            self._counts.add_deliveries(
                announcement, delivered, reached=list(islice(reached, _MAX_REACHED))
            )
        except StoreUnavailableError as error:
            self._telemetry.warn("deliveries not counted", cause=error.cause)


def _may_be_missed(present: PresentConnection, first_pass_at: int) -> bool:
    """Whether the connection arrived just before the first pass, too late for the index.

    Members who sat down later got a replay, as their instance no longer trusted an earlier read
    (`known_absences`). Connections opened later, without a seat, do not get
    earlier announcements: without a token, an acknowledgement on another connection is unknown.
    """
    until = first_pass_at
    if present.seated_at is not None:
        until += ABSENCE_MS + _CLOCK_SKEW_MS
    return first_pass_at - INDEX_LAG_MS <= _arrived_at(present) <= until


def _arrived_at(present: PresentConnection) -> int:
    return max(present.connected_at, present.seated_at or 0)


def _message(announcement: AnnouncementRecord, language: str) -> bytes:
    if announcement.cleared:
        return encode(announcement_cleared_message(announcement))
    return encode(announcement_message(announcement, language))
