"""How a connection's place in a session is given up: left, disconnected, or found gone.

All three are one operation. A source is silenced first, fenced by its connection id, so that this
may be repeated; only then does its row change, and until it does whoever comes next finds the way
to the rest. That change is a conditional write which returns the membership that it ended:
whoever gets a listener's back counts it out, so it is done once, however often it is tried.
"""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Connection, Membership
from shared.services.interpreter_ladder import InterpreterLadder
from shared.services.speaker_grace import FloorKeeper

# How long a handshake may take (ms): the authorizer and $connect have 29 s each.
_HANDSHAKE_MS = 60_000


class Departures:
    """Ends memberships, with everything that follows for the session and its audience.

    Without a `floor_keeper` this function has no timer to set; it leaves a speaker's farewell to
    those who have, `$disconnect` first of all.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        ladder: InterpreterLadder,
        floor_keeper: FloorKeeper | None,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._ladder = ladder
        self._floor_keeper = floor_keeper

    def leave(self, connection_id: str, membership: Membership) -> bool:
        """Leave a session, the connection stays; False if it was not in there any more."""
        self.silence(connection_id, membership)
        left = self._connections.leave(connection_id, membership.session_id)
        if left is None:
            return False
        self._after(connection_id, left, silenced=membership)
        self._count_out(left)
        return True

    def remove(self, connection_id: str) -> bool:
        """Forget a connection that is over; False if it had been forgotten before.

        If another one has taken its seat over there is nothing to give up: a source is fenced, as
        the session names the new connection, and whom its row does not count is not counted out.
        """
        known = self._connections.get(connection_id)
        return known is not None and self._forget(known)

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
        return self._forget(known)

    def _forget(self, known: Connection) -> bool:
        connection_id = known.connection_id
        if known.membership is not None:
            if known.membership.seat.role == "speaker" and self._floor_keeper is None:
                return False
            self.silence(connection_id, known.membership)
        forgotten = self._connections.delete(connection_id)
        if forgotten is None:
            return False
        if forgotten.membership is not None:
            self._after(connection_id, forgotten.membership, silenced=known.membership)
            if forgotten.replaced_at is None:
                self._count_out(forgotten.membership)
        return True

    def _after(
        self, connection_id: str, membership: Membership, silenced: Membership | None
    ) -> None:
        """Silence once more, now that its row says nothing of a seat, who can have become a source
        since it was silenced: it sat down, by a join that was under way; or it showed that it was
        alive, and an interpreter who still sits and has no place gets a new one.
        """
        if membership != silenced or membership.seat.role == "interpreter":
            self.silence(connection_id, membership)

    def _count_out(self, membership: Membership) -> None:
        if membership.seat.role == "listener":
            self._sessions.count_out(membership.session_id, membership.seat.language)

    def silence(self, connection_id: str, membership: Membership) -> None:
        """What a source held is nobody's now, unless it is somebody else's already. Repeatable."""
        if membership.seat.role == "speaker":
            if self._floor_keeper is not None:
                self._floor_keeper.vacate(membership.session_id, connection_id)
        elif membership.seat.role == "interpreter":
            self._ladder.leave(membership.session_id, membership.seat.language, connection_id)
