"""The answer to a speaker who asks who listens."""

from __future__ import annotations

from shared.models import messages
from shared.models.audience_counts import distribution
from shared.models.connection import Caller
from shared.models.messages import GetSessionStatus, UpdateReason
from shared.models.session import Session
from shared.services.refusals import forbidden
from shared.services.seating import Seating
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class StatusService:
    """Answers getSessionStatus: one read of the session, whatever its audience, after one of the
    caller's connection, which says where the caller sits.
    """

    def __init__(self, seating: Seating, clock: Clock, telemetry: Telemetry) -> None:
        self._seating = seating
        self._clock = clock
        self._telemetry = telemetry

    def get_session_status(
        self, caller: Caller, _request: GetSessionStatus
    ) -> messages.SessionStatus:
        """Who listens to the caller's session now.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_NOT_FOUND, SESSION_ENDED, FORBIDDEN.
        """
        started_at = self._clock.monotonic()
        seated = self._seating.required(caller, "getSessionStatus")
        if seated.session.speaker_connection_id != caller.connection_id:
            raise forbidden("getSessionStatus", "the session's speaker")
        status = status_of(seated.session, self._clock.now_ms(), "requested")
        self._telemetry.duration(
            "StatusQueryLatency", (self._clock.monotonic() - started_at) * 1000
        )
        return status


def status_of(session: Session, now_ms: int, reason: UpdateReason) -> messages.SessionStatus:
    """A session's status: numbers of its audience, and nobody's name or id."""
    return messages.SessionStatus(
        session_id=session.session_id,
        listener_count=max(session.listener_count, 0),
        language_distribution=distribution(session.language_counts),
        session_duration=max(now_ms - session.created_at, 0) // 1000,
        broadcast_state=session.broadcast_state,
        timestamp=now_ms,
        update_reason=reason,
    )
