"""Answers getSessionStatus for speakers and interpreters."""

from __future__ import annotations

from shared.data_access.sessions_repository import SessionsRepository
from shared.models.audience_counts import language_distribution
from shared.models.connection import Caller, Membership
from shared.models.request_errors import forbidden, session_ended, session_not_found
from shared.models.session import Session
from shared.models.terms import UpdateReason
from shared.protocol import messages
from shared.protocol.messages import GetSessionStatus
from shared.services.sessions.interpreter_rights import require_interpreter
from shared.services.sessions.seat_lookup import SeatLookup
from shared.services.sessions.session_access import visible
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry
from shared.utils.validators import validate_session_id


class StatusService:
    """Answers getSessionStatus.

    Reads the caller's connection, then the session: two reads whatever the size of the audience.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        seat_lookup: SeatLookup,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._sessions = sessions
        self._seat_lookup = seat_lookup
        self._clock = clock
        self._telemetry = telemetry

    def get_session_status(
        self, caller: Caller, request: GetSessionStatus
    ) -> messages.SessionStatus:
        """Return the status of the named session, or of the caller's own.

        Raises INVALID_SESSION_ID, AUTHENTICATION_REQUIRED, FORBIDDEN, CONNECTION_NOT_FOUND,
        NOT_IN_SESSION, SESSION_NOT_FOUND, SESSION_ENDED.
        """
        started_at = self._clock.monotonic()
        if request.session_id is None:
            session = self._own(caller)
        else:
            session = self._named(caller, validate_session_id(request.session_id), request)
        status = status_of(session, self._clock.now_ms(), "requested")
        self._telemetry.duration(
            "StatusQueryLatency", (self._clock.monotonic() - started_at) * 1000
        )
        return status

    def _own(self, caller: Caller) -> Session:
        seated = self._seat_lookup.require(caller, "getSessionStatus")
        if not _is_speaker_or_interpreter(caller, seated.membership, seated.session):
            raise forbidden("getSessionStatus", "the session's speaker and interpreters")
        return seated.session

    def _named(self, caller: Caller, session_id: str, request: GetSessionStatus) -> Session:
        """Return a session the caller speaks in, interprets or has the right to interpret."""
        membership = self._seat_lookup.membership(caller)
        session = self._sessions.get(session_id)
        if session is None or not _is_speaker_or_interpreter(caller, membership, session):
            session = visible(session, caller, request.secret, request.ticket)
            require_interpreter(caller, session, "getSessionStatus", request.ticket)
        if session is None:
            raise session_not_found()
        if not session.is_active:
            raise session_ended()
        return session


def _is_speaker_or_interpreter(
    caller: Caller, membership: Membership | None, session: Session
) -> bool:
    """Whether the caller is the session's speaker or one of its interpreters."""
    if membership is None or membership.session_id != session.session_id:
        return False
    return (
        session.speaker_connection_id == caller.connection_id
        or membership.seat.role == "interpreter"
    )


def status_of(session: Session, now_ms: int, reason: UpdateReason) -> messages.SessionStatus:
    """Build a session's status, without connection ids or personal data."""
    return messages.SessionStatus(
        session_id=session.session_id,
        listener_count=max(session.listener_count, 0),
        language_distribution=language_distribution(session.language_counts),
        session_duration=max(now_ms - session.created_at, 0) // 1000,
        broadcast_state=session.broadcast_state,
        timestamp=now_ms,
        update_reason=reason,
        channels=session.interpreted(),
    )
