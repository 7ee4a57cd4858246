"""Checks of the session sweep: missed notifications and lost speakers."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.pending_notifications import END, SPEAKER, language_of
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.session import Session
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.utils.clock import Clock

# In a younger session the speaker may not be seated yet (ms).
_SETTLED_MS = 60_000
# Grace period of a lost speaker (ms), as the default of the timers.
_GRACE_MS = 60_000


class MissedNotifications:
    """Resends pending notifications, left by functions that crashed."""

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
        """Send the session's pending notifications; whether there were any.

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
    """Starts the grace period of a speaker without a $disconnect, or without a seat.

    A function that crashes while it creates or takes over a session leaves it to a connection that
    is not seated there. Without this check the session would stay active for days.
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
        """Start the grace period if the speaker is lost; whether it was. Costs one read.

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
