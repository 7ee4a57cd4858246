"""How a connection's place in a session is given up: left, disconnected, or found gone.

All three are one operation. A source is silenced first, fenced by its connection id, so that this
may be repeated; then its row changes, which notes what was left; then a listener is counted out,
under a name that is the same for everyone who tries; then the note or the row is deleted. Wherever
this is cut short, the next one who comes by goes on from there.
"""

from __future__ import annotations

from contextlib import suppress

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Connection, Membership, Seat
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.services.sessions.speaker_grace import GraceStarter

# How long a handshake may take (ms): the authorizer and $connect have 29 s each.
_HANDSHAKE_MS = 60_000
# A connection may sit down while it is being removed; this often in a row is a fault.
_ATTEMPTS = 3


class LeaveService:
    """Ends memberships, with everything that follows for the session and its audience.

    Without a `grace_starter` this function has no timer to set; it leaves a speaker's farewell to
    those who have, `$disconnect` first of all.
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
        """Leave a session, the connection stays; False if it was not in there any more."""
        turn = self._vacate_seat(connection_id, membership)
        if turn is None:
            return False
        self._clear_left(connection_id, turn + 1)
        return True

    def complete(self, connection: Connection) -> None:
        """Do what is still to follow from the seat that a connection has left. Repeatable."""
        left = connection.left
        if left is None:
            return
        self.release_source(connection.connection_id, Membership(left.session_id, left.seat))
        turn = connection.turn - 1
        self._count_out(connection.connection_id, turn, left.session_id, left.seat)
        self._clear_left(connection.connection_id, connection.turn)

    def _clear_left(self, connection_id: str, turn: int) -> None:
        with suppress(StoreUnavailableError):  # what follows is done, and may be done again
            self._connections.settle(connection_id, turn)

    def remove(self, connection_id: str) -> bool:
        """Forget a connection that is over; False if it had been forgotten before.

        If another one has taken its seat over there is nothing to give up: a source is fenced, as
        the session names the new connection, and whom its row does not count is not counted out.
        """
        known = self._connections.get(connection_id)
        return known is not None and self._delete(known)

    def remove_gone(self, connection_id: str, now_ms: int) -> bool:
        """As `remove`, of a connection that a post has found gone at `now_ms`.

        A connection is that also until its handshake is over, while its row is there already. One
        that has just come and sits nowhere yet is kept: if it is gone indeed, $disconnect and the
        sweep know. https://repost.aws/knowledge-center/410-gone-api-gateway
        """
        known = self._connections.get(connection_id)
        if known is None:
            return False
        if known.membership is None and now_ms - known.connected_at < _HANDSHAKE_MS:
            return False
        return self._delete(known)

    def _delete(self, known: Connection) -> bool:
        """A row is deleted once nothing more is to follow from it: of one that is gone, nobody
        could say whether its listener has been counted out.
        """
        connection_id = known.connection_id
        for _ in range(_ATTEMPTS):
            self.complete(known)
            if known.membership is not None and not self._release_seat(known, known.membership):
                return False
            if self._connections.delete(connection_id):
                return True
            present = self._connections.get(connection_id)  # it has sat down meanwhile
            if present is None:
                return True
            known = present
        return False

    def _release_seat(self, known: Connection, membership: Membership) -> bool:
        """False of a speaker whose farewell others have the means for."""
        if membership.seat.role == "speaker" and self._grace_starter is None:
            return False
        if known.replaced_at is not None:
            self.release_source(known.connection_id, membership)
        else:
            self._vacate_seat(known.connection_id, membership)
        return True

    def _vacate_seat(self, connection_id: str, membership: Membership) -> int | None:
        """The turn that ended; None if there was no seat in that session to give up.

        A source is silenced once more when its row says nothing of a seat: it can have become one
        meanwhile, by a join or a heartbeat that was under way.
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
        """What a source held is nobody's now, unless it is somebody else's already. Repeatable."""
        if membership.seat.role == "speaker":
            if self._grace_starter is not None:
                self._grace_starter.start(membership.session_id, connection_id)
        elif membership.seat.role == "interpreter":
            self._succession.leave(membership.session_id, membership.seat.language, connection_id)
