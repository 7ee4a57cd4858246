"""Lease renewal by interpreters' heartbeats, including the return after a lost lease."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.pending_notifications import channel_subject
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Connection
from shared.models.errors import ErrorCode, LingocastError
from shared.models.interpretation import Lease
from shared.models.session import LEASE_MS, Channel, Session
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.utils.clock import Clock

# Above this, the oldest entry is evicted, and its next heartbeat costs two reads and a write more.
_MAX_PLACES = 10_000


class _Place(msgspec.Struct, frozen=True):
    """Last known seat of an interpreter, and the channel's stand-bys, whose leases count too."""

    session_id: str
    language: str
    standbys: tuple[str, ...] = ()


class LeaseRenewals:
    """Renews leases, by one write and one read if the place is cached.

    A cached place is a hint; the write's condition verifies the seat, and the read the place.
    """

    def __init__(
        self,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        *,
        seats: InterpreterSeats,
        succession: InterpreterSuccession,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._sessions = sessions
        self._seats = seats
        self._succession = succession
        self._clock = clock
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def renew_known(self, connection_id: str) -> Lease | None:
        """Renew the lease of a cached place; None if none is cached or it has changed.

        Raises StoreUnavailableError.
        """
        place = self._places.get(connection_id)
        if place is None:
            return None
        lease = self._renew(connection_id, place)
        if lease is None:
            del self._places[connection_id]
        return lease

    def renew_for(self, connection: Connection) -> Lease | None:
        """Renew the lease of a connection that has just been read.

        An interpreter without a place gets a new one: it interprets if the channel is free, and is
        a stand-by otherwise. Returns None for other roles, or if no place is left. Raises
        StoreUnavailableError, UNAVAILABLE, SESSION_ENDED.
        """
        membership, connection_id = connection.membership, connection.connection_id
        if membership is None or membership.seat.role != "interpreter":
            return None
        if connection.replaced_at is not None:
            return None  # another connection has taken over its place
        session, language = self._sessions.get(membership.session_id), membership.seat.language
        if session is None or not session.is_active:
            return None
        channel = session.channels.get(language)
        if channel is None or not channel.has_place(connection_id):
            if channel is not None and _was_rolled_over(channel, connection_id):
                return None  # its row has not been marked yet
            if not self._reclaim(session, language, connection):
                return None
        return self._renew(connection_id, _Place(session.session_id, language))

    def _reclaim(self, session: Session, language: str, connection: Connection) -> bool:
        """Give a seated interpreter a new place. False if none is left."""
        source = (connection.membership and connection.membership.source) or "human"
        connection_id = connection.connection_id
        try:
            place = self._seats.claim(session, language, connection_id, source, wait=True)
        except LingocastError as error:
            if error.code is ErrorCode.LANGUAGE_TAKEN:
                return False  # all stand-by places are taken; the next heartbeat tries again
            raise
        if not self._seats.confirm_seat(session.session_id, language, connection_id):
            return False
        if place.handover is not None:
            self._succession.notify(place.handover, except_for=connection_id)
        return True

    def _renew(self, connection_id: str, place: _Place) -> Lease | None:
        """Renew the lease of a place. None if the connection no longer has the place.

        The session is read after the lease was renewed. So whoever replaced the caller before
        that is seen, and whoever expires leases afterwards sees the renewal.
        """
        until = self._clock.now_ms() + LEASE_MS
        if not self._leases.renew(connection_id, place.session_id, place.language, until=until):
            return None
        session = self._leases.session(place.session_id, (connection_id, *place.standbys))
        channel = session.channels.get(place.language) if session and session.is_active else None
        if session is None or channel is None or not channel.has_place(connection_id):
            return None
        self._remember(
            connection_id, msgspec.structs.replace(place, standbys=tuple(channel.standbys))
        )
        holds = channel.connection_id == connection_id
        if holds and channel_subject(place.language) in session.pending_notifications:
            self._succession.notify_again(session, place.language, except_for=connection_id)
        lease = self._succession.lease(session, place.language, connection_id)
        return None if lease is None else msgspec.structs.replace(lease, lease_until=until)

    def _remember(self, connection_id: str, place: _Place) -> None:
        self._places[connection_id] = place
        if len(self._places) > _MAX_PLACES:
            self._places.popitem(last=False)


def _was_rolled_over(channel: Channel, connection_id: str) -> bool:
    return channel.former is not None and channel.former.connection_id == connection_id
