"""What the sweep makes up for in a session: news that nobody told, and a floor that nobody has."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.pending_notifications import END, SPEAKER, language_of
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.session import Session
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.utils.clock import Clock

# A session that is younger may not have its speaker seated yet, a channel not its interpreter.
_SETTLED_MS = 60_000
# How long the owner may be away whose farewell was lost, as the timers' default.
_GRACE_MS = 60_000


class MissedNotifications:
    """Tells what a function that died has left untold."""

    def __init__(
        self,
        sessions: SessionsRepository,
        notifier: SessionNotifier,
        succession: InterpreterSuccession,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._notifier = notifier
        self._succession = succession
        self._clock = clock

    def resend(self, session: Session) -> bool:
        """Tell the members of a session what they may not know; whether there was anything.

        Raises StoreUnavailableError.
        """
        if not session.pending_notifications:
            return False
        present = self._sessions.get(session.session_id)
        if present is None:
            return False
        for subject in present.pending_notifications:
            self._resend(present, subject)
        return bool(present.pending_notifications)

    def _resend(self, session: Session, subject: str) -> None:
        language = language_of(subject)
        if subject == END:
            self._notifier.session_ended(session)
        elif not session.is_active:
            return
        elif subject == SPEAKER:
            if session.grace_until is None:
                self._notifier.speaker_reconnected(session)
            else:
                left = max(session.grace_until - self._clock.now_ms(), 0)
                self._notifier.speaker_disconnected(session, left // 1000)
        elif language is not None and language in session.channels:
            self._succession.notify_again(session, language)


class LostSpeakers:
    """Starts the grace of a speaker who is gone without a farewell, or has never been seated.

    A function that dies while it creates a session, or hands one over, leaves it to a connection
    that does not know of it; without this check it would stay active for days.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        notifier: SessionNotifier,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._notifier = notifier
        self._clock = clock

    def start_grace(self, session: Session) -> bool:
        """Whether the speaker turned out to be lost. Costs one read of a session that has one.

        Raises StoreUnavailableError.
        """
        now = self._clock.now_ms()
        if not session.speaker_connected or now - session.created_at < _SETTLED_MS:
            return False
        connection_id = session.speaker_connection_id
        connection = self._connections.get(connection_id)
        membership = connection.membership if connection else None
        if membership is not None and membership.session_id == session.session_id:
            return False
        until = now + _GRACE_MS
        if not self._sessions.start_grace(session.session_id, connection_id, until):
            return False
        present = self._sessions.get(session.session_id)
        if present is not None and present.grace_until == until:
            self._notifier.speaker_disconnected(present, _GRACE_MS // 1000)
        return True
