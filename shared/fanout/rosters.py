"""Who sits in a session: its roster, read afresh, or cached for a moment for the audio path."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Seat
from shared.models.session import Session
from shared.utils.clock import Clock

# From this age on a roster is read again beside the fan-out that still uses it (s) ...
REFRESH_AFTER = 1.0
# ... and from this age on it is not used before it has been read again (s). Clients play audio for
# a former audience for 2 s at most (protocol, rule 5), so an older roster may not be used at all.
EXPIRED_AFTER = 1.5
_MAX_ROSTERS = 256


@dataclass(frozen=True, slots=True)
class Roster:
    """Everyone who sat in a session at one moment."""

    seats: tuple[tuple[str, Seat], ...]

    def floor_recipients(self, session: Session) -> list[str]:
        """Listeners of the source language, all interpreters, and the listeners of languages
        without an interpreter. Never the speaker.
        """
        interpreted = session.interpreted()
        return [
            connection_id
            for connection_id, seat in self.seats
            if seat.role == "interpreter"
            or (seat.role == "listener" and seat.language not in interpreted)
        ]

    def recipients(self, session: Session, language: str) -> list[str]:
        """Whoever hears what is spoken in `language`; never the one who speaks it."""
        if language == session.source_language:
            return self.floor_recipients(session)
        listeners = Seat("listener", language)
        return [connection_id for connection_id, seat in self.seats if seat == listeners]

    def members_except(self, connection_id: str | None) -> list[str]:
        """All members, less one."""
        return [member for member, _ in self.seats if member != connection_id]


class RosterSource(Protocol):
    """Where rosters come from."""

    def of(self, session_id: str) -> Roster:
        """The roster of a session. Raises StoreUnavailableError."""


class Rosters:
    """Reads rosters afresh."""

    def __init__(self, connections: ConnectionsRepository) -> None:
        self._connections = connections

    def of(self, session_id: str) -> Roster:
        """The roster now; one query whatever its size. Raises StoreUnavailableError."""
        return Roster(tuple(self._connections.roster(session_id)))


@dataclass(slots=True)
class _CachedRoster:
    roster: Roster
    read_at: float


@dataclass(frozen=True, slots=True)
class _Refresh:
    session_id: str
    started_at: float
    roster: Future[Roster]


class RosterCache:
    """Rosters for the audio path: one query a second and session, off the path of a chunk.

    Bounded; belongs to one thread, but for the reading that it hands to `executor`.
    """

    def __init__(self, source: RosterSource, executor: Executor, clock: Clock) -> None:
        self._source = source
        self._executor = executor
        self._clock = clock
        self._cached: OrderedDict[str, _CachedRoster] = OrderedDict()
        self._refreshes: list[_Refresh] = []

    def of(self, session_id: str) -> Roster:
        """The roster for one chunk; if it is due, reading it again begins beside.

        The caller must call `wait_for_refreshes` once the chunk is sent. Raises
        StoreUnavailableError if there
        is no usable roster and none can be read.
        """
        now = self._clock.monotonic()
        cached = self._cached.get(session_id)
        if cached is None or now - cached.read_at >= EXPIRED_AFTER:
            return self._store(session_id, self._source.of(session_id), now)
        if now - cached.read_at >= REFRESH_AFTER:
            reading = self._executor.submit(self._source.of, session_id)
            self._refreshes.append(_Refresh(session_id, now, reading))
        return cached.roster

    def wait_for_refreshes(self) -> None:
        """Wait for what is being read (the database client's timeouts bound it).

        A function that has answered is frozen: what it left running would wake up stale.
        """
        while self._refreshes:
            refresh = self._refreshes.pop()
            try:
                self._store(refresh.session_id, refresh.roster.result(), refresh.started_at)
            except StoreUnavailableError:
                # The roster in hand has served this chunk. The next one tries again, and once the
                # roster is too old the failure is told.
                continue

    def forget(self, session_id: str, connection_id: str) -> None:
        """Leave a connection out that is known to be gone, without reading again."""
        cached = self._cached.get(session_id)
        if cached is not None:
            cached.roster = Roster(
                tuple(member for member in cached.roster.seats if member[0] != connection_id)
            )

    def _store(self, session_id: str, roster: Roster, read_at: float) -> Roster:
        self._cached[session_id] = _CachedRoster(roster, read_at)
        self._cached.move_to_end(session_id)
        while len(self._cached) > _MAX_ROSTERS:
            self._cached.popitem(last=False)
        return roster
