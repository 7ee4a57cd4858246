"""Leaving a session: on request, on disconnect, or when a connection is found gone.

All three are one operation, and each step is idempotent:

1. Release the source, fenced by connection id.
2. Clear the seat in the row, which records the seat that was left.
3. Count a listener out, by a write name that is the same for every attempt.
4. Delete the record, or the row.

After an interruption the next caller continues from there.
"""

from __future__ import annotations

from contextlib import suppress

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Connection, Membership, Seat
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.services.sessions.speaker_grace import GraceStarter

# Maximum duration of a handshake (ms): the authorizer and $connect have 29 s each.
_HANDSHAKE_MS = 60_000
# A connection may join while it is being removed, but not this often in a row.
_ATTEMPTS = 3


class LeaveService:
    """Ends memberships and updates the session and its audience.

    Functions without a `grace_starter` cannot set timers and leave the removal of speakers to those
    that can, mainly `$disconnect`.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        succession: InterpreterSuccession,
        grace_starter: GraceStarter | None,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._succession = succession
        self._grace_starter = grace_starter

    def leave(self, connection_id: str, membership: Membership) -> bool:
        """Leave a session and keep the connection. False if it was not a member."""
        turn = self._vacate_seat(connection_id, membership)
        if turn is None:
            return False
        self._clear_left(connection_id, turn + 1)
        return True

    def complete(self, connection: Connection) -> None:
        """Complete an interrupted leave, if there was one. Idempotent."""
        left = connection.left
        if left is None:
            return
        self.release_source(connection.connection_id, Membership(left.session_id, left.seat))
        turn = connection.turn - 1
        self._count_out(connection.connection_id, turn, left.session_id, left.seat)
        self._clear_left(connection.connection_id, connection.turn)

    def _clear_left(self, connection_id: str, turn: int) -> None:
        with suppress(StoreUnavailableError):  # all steps are done and may be repeated
            self._connections.confirm_counted_out(connection_id, turn)

    def remove(self, connection_id: str) -> bool:
        """Remove a closed connection. False if it was already removed.

        If another connection has taken over its seat, the session is unchanged: a source is fenced
        by connection id, and a replaced listener is not counted out.
        """
        known = self._connections.get(connection_id)
        return known is not None and self._delete(known)

    def remove_gone(self, connection_id: str, now_ms: int) -> bool:
        """Remove a connection that answered 410 Gone at `now_ms`.

        API Gateway also answers 410 until the handshake is complete, when the row already exists. A
        new connection without a seat is therefore kept; if it is really gone, $disconnect or the
        sweep removes it. https://repost.aws/knowledge-center/410-gone-api-gateway
        """
        known = self._connections.get(connection_id)
        if known is None:
            return False
        if known.membership is None and now_ms - known.connected_at < _HANDSHAKE_MS:
            return False
        return self._delete(known)

    def _delete(self, known: Connection) -> bool:
        """Release the seat, then delete the row.

        The row goes last: without it, nothing would show whether its listener was counted out.
        """
        connection_id = known.connection_id
        for _ in range(_ATTEMPTS):
            self.complete(known)
            if known.membership is not None and not self._release_seat(known, known.membership):
                return False
            if self._connections.delete(connection_id):
                return True
            present = self._connections.get(connection_id)  # it has joined meanwhile
            if present is None:
                return True
            known = present
        return False

    def _release_seat(self, known: Connection, membership: Membership) -> bool:
        """Release the seat. False if this function cannot remove speakers."""
        if membership.seat.role == "speaker" and self._grace_starter is None:
            return False
        if known.replaced_at is not None:
            self.release_source(known.connection_id, membership)
        else:
            self._vacate_seat(known.connection_id, membership)
        return True

    def _vacate_seat(self, connection_id: str, membership: Membership) -> int | None:
        """Clear the seat and return its turn, or None if the connection had no seat there.

        If the row named another seat, or an interpreter's, the source is released again: a
        concurrent join or heartbeat may have re-acquired it.
        """
        self.release_source(connection_id, membership)
        before = self._connections.leave(connection_id, membership.session_id)
        if before is None or before.membership is None:
            return None
        left = before.membership
        if left != membership or left.seat.role == "interpreter":
            self.release_source(connection_id, left)
        self._count_out(connection_id, before.turn, left.session_id, left.seat)
        return before.turn

    def _count_out(self, connection_id: str, turn: int, session_id: str, seat: Seat) -> None:
        if seat.role == "listener":
            write_id = f"out {connection_id} {turn}"
            self._sessions.count_out(session_id, seat.language, write_id=write_id)

    def release_source(self, connection_id: str, membership: Membership) -> None:
        """Release the floor or channel if this connection holds it. Idempotent."""
        if membership.seat.role == "speaker":
            if self._grace_starter is not None:
                self._grace_starter.start(membership.session_id, connection_id)
        elif membership.seat.role == "interpreter":
            self._succession.leave(membership.session_id, membership.seat.language, connection_id)
