"""Grace period: a disconnected speaker may return; otherwise the session ends.

Each return gives the floor a new epoch, and the end is conditional on the epoch the timer was set
for, so an old timer cannot end the session of a speaker who has returned.
"""

from __future__ import annotations

from shared.data_access.pending_notifications import SPEAKER
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.session import Session
from shared.models.timers import GraceOver, Timers
from shared.services.session_notifier import SessionNotifier
from shared.utils.clock import Clock

# A timer this late (ms) counts as lost; the next request or sweep ends the session instead.
_TIMER_LATE_MS = 10_000


class SpeakerGrace:
    """Ends sessions whose speaker has not returned."""

    def __init__(
        self, sessions: SessionsRepository, notifier: SessionNotifier, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._notifier = notifier
        self._clock = clock

    def end(self, timer: GraceOver) -> None:
        """End the session if its speaker is still away in the timer's epoch.

        Idempotent; a repetition also repeats the notification.
        """
        session_id, epoch = timer.session_id, timer.speaker_epoch
        self._sessions.end_abandoned(session_id, epoch, self._clock.now_ms())
        session = self._sessions.get(session_id)
        if (
            session is not None
            and session.end_reason == "speakerLeft"
            and session.speaker_epoch == epoch
        ):
            self._notifier.session_ended(session)

    def end_if_overdue(self, session: Session) -> bool:
        """End `session` if its grace period is over and its timer lost; whether it has ended.

        Fallback for lost timers.
        """
        grace_until = session.grace_until
        if grace_until is None or self._clock.now_ms() < grace_until + _TIMER_LATE_MS:
            return False
        self.end(GraceOver(session_id=session.session_id, speaker_epoch=session.speaker_epoch))
        return True


class GraceStarter:
    """Starts the grace period when a speaker's connection has closed."""

    def __init__(
        self,
        sessions: SessionsRepository,
        notifier: SessionNotifier,
        timers: Timers[GraceOver],
        *,
        grace_seconds: int,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._notifier = notifier
        self._timers = timers
        self._grace_seconds = grace_seconds
        self._clock = clock

    def start(self, session_id: str, connection_id: str) -> None:
        """Start the grace period if this connection is the speaker. Idempotent.

        Raises StoreUnavailableError if the timer may not have been set. The caller then tries
        again, or the next one who finds the connection gone.
        """
        until = self._clock.now_ms() + self._grace_seconds * 1000
        started = self._sessions.start_grace(session_id, connection_id, until)
        session = self._sessions.get(session_id)
        if (
            session is None
            or session.speaker_connection_id != connection_id
            or session.grace_until is None
        ):
            return
        if started or SPEAKER in session.pending_notifications:
            self._notifier.speaker_disconnected(session, self._grace_seconds)
        self._timers.set(
            GraceOver(session_id=session_id, speaker_epoch=session.speaker_epoch),
            self._grace_seconds,
        )
