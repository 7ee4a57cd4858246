"""Rosters of sessions, read from the index or cached for the audio path."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from itertools import chain
from typing import Protocol

import msgspec

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Seat
from shared.models.session import Session
from shared.utils.clock import Clock

# A roster older than this (s) is refreshed while the fan-out still uses it.
REFRESH_AFTER = 1.0
# A roster older than this (s) must be read again before use. Clients may play audio for a former
# audience for 2 s at most (protocol, rule 5).
EXPIRED_AFTER = 1.5
_MAX_ROSTERS = 256


class Roster(msgspec.Struct, frozen=True):
    """The connection ids of a session, or of one of its seats, at one moment.

    A roster serves several chunks, so it is grouped once, when it is read.
    """

    by_seat: Mapping[Seat, tuple[str, ...]]

    @classmethod
    def of(cls, members: Iterable[tuple[str, Seat]]) -> Roster:
        """Group connections by their seats."""
        groups: dict[Seat, list[str]] = {}
        for connection_id, seat in members:
            groups.setdefault(seat, []).append(connection_id)
        return cls({seat: tuple(group) for seat, group in groups.items()})

    def floor_recipients(self, session: Session) -> Sequence[str]:
        """Return everyone who hears the floor.

        These are the listeners of the source language, the listeners of languages without an
        interpreter, and all interpreters; never the speaker.
        """
        interpreted = session.interpreted()
        return _concatenated(
            group
            for seat, group in self.by_seat.items()
            if seat.role == "interpreter"
            or (seat.role == "listener" and seat.language not in interpreted)
        )

    def members(self) -> Sequence[str]:
        """Return all members."""
        return _concatenated(self.by_seat.values())

    def without(self, connection_id: str) -> Roster:
        """Return the roster without one connection."""
        return Roster(
            {
                seat: tuple(member for member in group if member != connection_id)
                if connection_id in group
                else group
                for seat, group in self.by_seat.items()
            }
        )


def _concatenated(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return list(chain.from_iterable(groups))


class RosterSource(Protocol):
    """Provides rosters."""

    def of(self, session_id: str, seat: Seat | None = None) -> Roster:
        """Return the roster of a session, or of one of its seats.

        A roster by seat costs what its members cost, however many others the session has. Raises
        StoreUnavailableError.
        """


class Rosters:
    """Reads rosters from the index, without a cache."""

    def __init__(self, connections: ConnectionsRepository) -> None:
        self._connections = connections

    def of(self, session_id: str, seat: Seat | None = None) -> Roster:
        """Read the roster with one query. Raises StoreUnavailableError."""
        if seat is None:
            return Roster.of(self._connections.roster(session_id))
        return Roster({seat: tuple(self._connections.seated(session_id, seat))})


# A session, and a seat if the roster is of one seat.
_Key = tuple[str, Seat | None]


class _CachedRoster(msgspec.Struct):
    roster: Roster
    read_at: float


class _Refresh(msgspec.Struct, frozen=True):
    key: _Key
    started_at: float
    roster: Future[Roster]


class RosterCache:
    """Caches rosters for the audio path: about one query per second and source.

    Queries run in `executor`, beside the fan-out. The cache is bounded and not thread-safe.
    """

    def __init__(self, source: RosterSource, executor: Executor, clock: Clock) -> None:
        self._source = source
        self._executor = executor
        self._clock = clock
        self._cached: OrderedDict[_Key, _CachedRoster] = OrderedDict()
        self._refreshes: list[_Refresh] = []

    def of(self, session_id: str, seat: Seat | None = None) -> Roster:
        """Return the roster for one chunk, and start a refresh if it is due.

        Call `wait_for_refreshes` once the chunk is sent. Raises StoreUnavailableError if no usable
        roster is cached and none can be read.
        """
        now = self._clock.monotonic()
        key = (session_id, seat)
        cached = self._cached.get(key)
        if cached is None or now - cached.read_at >= EXPIRED_AFTER:
            return self._store(key, self._source.of(session_id, seat), now)
        if now - cached.read_at >= REFRESH_AFTER:
            roster = self._executor.submit(self._source.of, session_id, seat)
            self._refreshes.append(_Refresh(key, now, roster))
        return cached.roster

    def wait_for_refreshes(self) -> None:
        """Wait for running refreshes, bounded by the timeouts of the database client.

        Lambda freezes a function once it has answered; a query left running would resume stale.
        """
        while self._refreshes:
            refresh = self._refreshes.pop()
            try:
                self._store(refresh.key, refresh.roster.result(), refresh.started_at)
            except StoreUnavailableError:
                # The cached roster has served this chunk. The next chunk tries again, and raises
                # once the roster has expired.
                continue

    def forget(self, session_id: str, connection_id: str) -> None:
        """Remove a gone connection from the session's cached rosters."""
        for (cached_session, _), cached in self._cached.items():
            if cached_session == session_id:
                cached.roster = cached.roster.without(connection_id)

    def _store(self, key: _Key, roster: Roster, read_at: float) -> Roster:
        self._cached[key] = _CachedRoster(roster, read_at)
        self._cached.move_to_end(key)
        while len(self._cached) > _MAX_ROSTERS:
            self._cached.popitem(last=False)
        return roster
