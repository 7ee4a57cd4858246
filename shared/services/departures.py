"""How a connection's place in a session is given up: left, disconnected, or found gone.

All three are one operation. A conditional write ends the membership and returns it; whoever gets
it back does the accounting, so it is done once, however often and by whomever it is tried.
"""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Membership
from shared.services.announcer import Announcer
from shared.utils.clock import Clock


class Departures:
    """Ends memberships, with everything that follows for the session and its audience."""

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._announcer = announcer
        self._clock = clock

    def leave(self, connection_id: str, session_id: str) -> bool:
        """Leave a session, the connection stays; False if it was not in there any more."""
        membership = self._connections.leave(connection_id, session_id)
        if membership is None:
            return False
        self._vacate(connection_id, membership)
        return True

    def remove(self, connection_id: str) -> bool:
        """Forget a connection that is over; False if it had been forgotten before."""
        connection = self._connections.delete(connection_id)
        if connection is None:
            return False
        if connection.membership is not None:
            self._vacate(connection_id, connection.membership)
        return True

    def _vacate(self, connection_id: str, membership: Membership) -> None:
        session_id, seat = membership.session_id, membership.seat
        if seat.role == "listener":
            self._sessions.count_out(session_id, seat.language)
        elif seat.role == "interpreter":
            self._silence(connection_id, membership)
        elif self._sessions.end(session_id, connection_id, self._clock.now_ms()):
            # Fenced: a speaker who has been replaced meanwhile ends nothing.
            self._announcer.session_ended(session_id, "speakerLeft", except_for=connection_id)

    def _silence(self, connection_id: str, membership: Membership) -> None:
        """An interpreter's language falls back to the floor, unless it is someone else's by now."""
        session_id, language = membership.session_id, membership.seat.language
        epoch = membership.epoch or 0
        session = self._sessions.get(session_id)
        if session is None or not self._sessions.clear_channel(
            session_id, language, connection_id, epoch
        ):
            return
        if session.is_active:
            self._announcer.channel_source_changed(
                session_id,
                language,
                from_source=session.channels[language].source,
                to_source="floor",
                epoch=session.speaker_epoch,
            )
