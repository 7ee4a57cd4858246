"""Requests of members: change language and leave."""

from __future__ import annotations

from msgspec.structs import replace

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Seat
from shared.models.errors import ErrorCode, LingocastError
from shared.models.request_errors import (
    forbidden,
    not_in_session,
    require_active,
    session_ended,
    too_many_languages,
)
from shared.protocol.messages import ChangeLanguage, LanguageChanged, LeaveSession, SessionLeft
from shared.services.sessions.leave_service import LeaveService
from shared.services.sessions.seat_lookup import OccupiedSeat, SeatLookup
from shared.utils.validators import validate_language_code

# A listener's own requests may overlap, but not this often in a row.
_ATTEMPTS = 3


class MembershipService:
    """Answers changeLanguage and leaveSession."""

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        seat_lookup: SeatLookup,
        leave_service: LeaveService,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._leave_service = leave_service

    def change_language(self, caller: Caller, request: ChangeLanguage) -> LanguageChanged:
        """Move the caller to another language.

        Raises INVALID_LANGUAGE, CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN.
        """
        language = validate_language_code(request.target_language)
        for _ in range(_ATTEMPTS):
            seated = self._seat_lookup.require(caller, "changeLanguage")
            old = seated.membership.seat
            if old.role != "listener":
                raise forbidden("changeLanguage", "listeners")
            session = seated.session
            if old.language == language or self._move(caller, seated, language):
                return self._reply(session.session_id, language)
        raise LingocastError(
            ErrorCode.UNAVAILABLE, "concurrent language changes; send one at a time"
        )

    def leave_session(self, caller: Caller, _request: LeaveSession) -> SessionLeft:
        """Leave the session; the connection stays open.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN.
        """
        connection = self._seat_lookup.connection(caller)
        if connection.left is not None:  # by an interrupted request
            self._leave_service.complete(connection)
            if connection.membership is None:
                return SessionLeft(session_id=connection.left.session_id)
        seated = self._seat_lookup.require_of(connection, "leaveSession")
        if seated.membership.seat.role == "speaker":
            raise forbidden("leaveSession", "listeners and interpreters (a speaker ends it)")
        session_id = seated.session.session_id
        if not self._leave_service.leave(caller.connection_id, seated.membership):
            raise not_in_session("leaveSession")
        return SessionLeft(session_id=session_id)

    def _move(self, caller: Caller, seated: OccupiedSeat, language: str) -> bool:
        """Move the seat. Returns False if the seat changed meanwhile.

        The counters change first, by an idempotent write: a repeated request then completes the
        move without counting twice.
        """
        session, old = seated.session, seated.membership.seat
        session_id = session.session_id
        moved = seated.connection.write_id(f"move {language}")
        if not self._sessions.count_moved(session_id, old.language, language, write_id=moved):
            raise too_many_languages(require_active(self._sessions.get(session_id)))
        new = Seat("listener", language)
        if self._connections.change_seat(caller.connection_id, session_id, old, new):
            return True
        if not self._seat_lookup.has_seat(caller, replace(seated.membership, seat=new)):
            self._sessions.count_back(session_id, language, old.language, write_id=f"undo {moved}")
        return False

    def _reply(self, session_id: str, language: str) -> LanguageChanged:
        # Read after the change: a handover meanwhile either shows here or is pushed to the caller.
        session = self._sessions.get(session_id)
        if session is None:
            raise session_ended()
        return LanguageChanged(
            session_id=session_id,
            target_language=language,
            channel_source=session.channel_source(language),
        )
