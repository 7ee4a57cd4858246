"""Seats of listeners: first in the connection's row, then in the session's counters."""

from __future__ import annotations

from contextlib import suppress

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Connection, Membership, Seat
from shared.models.errors import ErrorCode, LingocastError
from shared.models.request_errors import already_in_session, require_active, too_many_languages
from shared.models.session import Session
from shared.services.sessions.seat_lookup import OccupiedSeat, SeatLookup
from shared.utils.clock import Clock

# A connection without a seat may get one from a concurrent request, but not this often in a row.
_ATTEMPTS = 3


class ListenerSeats:
    """Seats listeners by two conditional writes, without a read.

    The write that counts a listener comes last and returns the session. Its values are later than
    the seat, so a change is either among them or pushed to the new member.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        seat_lookup: SeatLookup,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._clock = clock

    def take_seat(
        self, caller: Caller, session_id: str, seat: Seat, resume_hash: str
    ) -> Session | OccupiedSeat:
        """Seat the caller and return the session, or the seat that the caller has already.

        `resume_hash` must be unique: it identifies the seat of this request. Raises SESSION_FULL,
        SESSION_ENDED, TOO_MANY_LANGUAGES, CONNECTION_NOT_FOUND, ALREADY_IN_SESSION.
        """
        for _ in range(_ATTEMPTS):
            connection = self._sit_down(caller, Membership(session_id, seat), resume_hash)
            if connection is not None:
                return self._count_in(connection, session_id, seat, resume_hash)
            occupied = self._seat_lookup.current(caller)
            if isinstance(occupied, OccupiedSeat):
                return occupied
        raise already_in_session()

    def _sit_down(
        self, caller: Caller, membership: Membership, resume_hash: str
    ) -> Connection | None:
        try:
            return self._connections.take_first_seat(
                caller.connection_id, membership, resume_hash, now_ms=self._clock.now_ms()
            )
        except StoreUnavailableError:
            # It may have been applied. An uncounted seat would look like that of an earlier join.
            self._withdraw(caller.connection_id, resume_hash)
            raise

    def _count_in(
        self, connection: Connection, session_id: str, seat: Seat, resume_hash: str
    ) -> Session:
        counted = connection.write_id(f"in {seat.language}")
        session = None
        try:
            session = self._sessions.count_in(session_id, seat.language, write_id=counted)
        finally:
            if session is None and not self._withdraw(connection.connection_id, resume_hash):
                # The connection has left meanwhile, and was counted out.
                self._sessions.count_departed(session_id, seat.language, write_id=counted)
        if session is None:
            raise self._count_error(session_id)
        return session

    def _withdraw(self, connection_id: str, resume_hash: str) -> bool:
        """Give the seat up. False if it has been given up already."""
        with suppress(StoreUnavailableError):  # then reconciliation corrects the counter
            return self._connections.withdraw_seat(connection_id, resume_hash)
        return True

    def _count_error(self, session_id: str) -> LingocastError:
        session = require_active(self._sessions.get(session_id))
        if session.listener_count < session.max_listeners:
            return too_many_languages(session)
        return LingocastError(
            ErrorCode.SESSION_FULL, f"the session already has {session.max_listeners} listeners"
        )
