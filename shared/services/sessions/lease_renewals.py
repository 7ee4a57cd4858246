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
from shared.models.succession_rules import lease_of
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.utils.clock import Clock

# Above this, the oldest entry is evicted, and its next heartbeat costs two reads and a write more.
_MAX_PLACES = 10_000


class _Place(msgspec.Struct, frozen=True):
    """Last known place of an interpreter; `epoch` is None for a stand-by."""

    session_id: str
    language: str
    epoch: int | None


class LeaseRenewals:
    """Renews leases, by one conditional write if the place is cached.

    A cached place is a hint; the write's condition verifies it.
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
        if channel is None or not _has_place(channel, connection_id):
            if channel is not None and _was_rolled_over(channel, connection_id):
                return None  # its row has not been marked yet
            session = self._reclaim(session, language, connection)
            if session is None:
                return None
            channel = session.channels[language]
        holds = channel.connection_id == connection_id
        place = _Place(session.session_id, language, channel.epoch if holds else None)
        lease = self._renew(connection_id, place)
        if lease is not None:
            self._places[connection_id] = place
            if len(self._places) > _MAX_PLACES:
                self._places.popitem(last=False)
        return lease

    def _reclaim(self, session: Session, language: str, connection: Connection) -> Session | None:
        """Give a seated interpreter a new place.

        Returns the session afterwards, or None if no place is left.
        """
        source = (connection.membership and connection.membership.source) or "human"
        connection_id = connection.connection_id
        try:
            place = self._seats.claim(session, language, connection_id, source, wait=True)
        except LingocastError as error:
            if error.code is ErrorCode.LANGUAGE_TAKEN:
                return None  # all stand-by places are taken; the next heartbeat tries again
            raise
        if not self._seats.confirm_seat(session.session_id, language, connection_id):
            return None
        if place.handover is not None:
            self._succession.notify(place.handover, except_for=connection_id)
        return place.session

    def _renew(self, connection_id: str, place: _Place) -> Lease | None:
        now = self._clock.now_ms()
        until = now + LEASE_MS
        if place.epoch is None:
            before = self._leases.renew_standby(
                place.session_id, place.language, connection_id, until=until
            )
        else:
            before = self._leases.renew(
                place.session_id, place.language, connection_id, place.epoch, until=until
            )
        if before is None:
            return None
        if (
            channel_subject(place.language) in before.pending_notifications
            and place.epoch is not None
        ):
            self._succession.notify_again(before, place.language, except_for=connection_id)
        lease = lease_of(place.language, before.channels.get(place.language), connection_id, now)
        return None if lease is None else msgspec.structs.replace(lease, lease_until=until)


def _has_place(channel: Channel, connection_id: str) -> bool:
    return channel.connection_id == connection_id or connection_id in channel.standbys


def _was_rolled_over(channel: Channel, connection_id: str) -> bool:
    return channel.former is not None and channel.former.connection_id == connection_id
