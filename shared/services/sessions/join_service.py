"""Joining a session: as a listener, an interpreter or the returning owner."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.pending_notifications import SPEAKER
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import SPEAKER_SEAT, Caller, Membership, Seat
from shared.models.delivery import ConnectionSender
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.recovery import LastHeard, missed_nothing
from shared.models.request_errors import (
    already_in_session,
    connection_not_found,
    forbidden,
    require_active,
    require_group,
    require_user,
    session_ended,
)
from shared.models.session import Session
from shared.protocol.messages import JoinSession, SessionJoined
from shared.services.session_notifier import CONTROL_DEADLINE_MS, SessionNotifier
from shared.services.sessions.connection_rollover import ConnectionRollover
from shared.services.sessions.interpreter_rights import require_interpreter
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.leave_service import LeaveService
from shared.services.sessions.listener_seats import ListenerSeats
from shared.services.sessions.seat_lookup import OccupiedSeat, SeatLookup
from shared.services.sessions.session_access import visible
from shared.services.sessions.speaker_grace import SpeakerGrace
from shared.utils.clock import Clock
from shared.utils.identifiers import Identifiers
from shared.utils.resume_token import NewResumeToken, new_resume_token
from shared.utils.validators import validate_language_code, validate_session_id

# Each lost race means that another write succeeded; this many in a row are a fault.
_ATTEMPTS = 5


class JoinService:
    """Answers joinSession.

    A join writes the connection and the session, each conditionally. If the second write fails,
    the first is undone, so no transaction is needed.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        seat_lookup: SeatLookup,
        notifier: SessionNotifier,
        *,
        leave_service: LeaveService,
        sender: ConnectionSender,
        grace: SpeakerGrace,
        listeners: ListenerSeats,
        interpreters: InterpreterSeats,
        rollover: ConnectionRollover,
        identifiers: Identifiers,
        clock: Clock,
        connection_lifetime_ms: int,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._notifier = notifier
        self._leave_service = leave_service
        self._sender = sender
        self._grace = grace
        self._listeners = listeners
        self._interpreters = interpreters
        self._identifiers = identifiers
        self._rollover = rollover
        self._clock = clock
        self._connection_lifetime_ms = connection_lifetime_ms

    def join_session(self, caller: Caller, request: JoinSession) -> SessionJoined:
        """Take a seat in a session, or take one over (`resumeToken`).

        Raises INVALID_SESSION_ID, INVALID_LANGUAGE, AUTHENTICATION_REQUIRED, FORBIDDEN,
        SESSION_NOT_FOUND, SESSION_ENDED, CONNECTION_NOT_FOUND, ALREADY_IN_SESSION,
        LANGUAGE_TAKEN, SESSION_FULL.
        """
        _check_fields(request)
        session_id = validate_session_id(request.session_id)
        language = validate_language_code(request.target_language)
        session = self._admit(caller, request, session_id)
        if request.role == "interpreter" and language == session.source_language:
            raise ValidationError(
                ErrorCode.INVALID_LANGUAGE,
                "targetLanguage",
                "the speaker's own language; choose another",
            )
        seat = SPEAKER_SEAT if request.role == "speaker" else Seat(request.role, language)
        token = new_resume_token(self._identifiers, caller.connection_id)
        if seat.role == "listener" and request.resume_token is None:
            return self._join_as_listener(caller, request, seat, token)
        occupied = self._seat_lookup.current(caller)
        if isinstance(occupied, OccupiedSeat):
            again = self._repeat_answer(caller, request, occupied, seat, token)
            if again is not None:
                return again
            # The earlier request was interrupted before it acquired the source: start over.
            self._connections.undo_take_seat(caller.connection_id, session_id)
        taken = self._rollover.take_over(
            caller, request.resume_token, session, seat, token.resume_hash
        )
        if taken is not None:
            return self._reply(
                caller, self._read(session_id), taken, token, resumed=True, last=request.last
            )
        if seat.role == "listener":
            return self._join_as_listener(caller, request, seat, token)
        if request.resume_token is not None:
            session = self._read(session_id)  # it may have changed during the attempt
        if seat.role == "interpreter":
            self._interpreters.take_seat(caller, session, seat, request, token.resume_hash)
        else:
            self._take_floor(caller, session, token)
        return self._reply(
            caller, self._read(session_id), seat, token, resumed=False, last=request.last
        )

    def _admit(self, caller: Caller, request: JoinSession, session_id: str) -> Session:
        """Check token, group and session, in this order, and return the session."""
        if request.role == "speaker":
            require_group(caller, "speakers", "joinSession")
        elif request.role == "interpreter" and request.ticket is None:
            require_user(caller, "joinSession")
        session = self._visible_session(caller, request, session_id)
        if request.role == "interpreter":
            require_interpreter(caller, session, "joinSession", request.ticket)
        session = require_active(session)
        if self._grace.end_if_overdue(session):
            raise session_ended()
        return session

    def _visible_session(
        self, caller: Caller, request: JoinSession, session_id: str
    ) -> Session | None:
        """Return the session, or None if it does not exist or is hidden from the caller.

        Both cases make the same calls, so that response times do not reveal hidden sessions.
        """
        session = self._sessions.get(session_id)
        known = visible(session, caller, request.secret, request.ticket)
        if known is None and self._rollover.proves_membership(
            caller, request.resume_token, session_id
        ):
            return session
        return known

    def _repeat_answer(
        self,
        caller: Caller,
        request: JoinSession,
        seated: OccupiedSeat,
        seat: Seat,
        token: NewResumeToken,
    ) -> SessionJoined | None:
        """Answer a repeated join; None if the session does not name the caller as its source."""
        session, has = seated.session, seated.membership.seat
        resumed = self._rollover.has_rolled_over(caller, request.resume_token, session)
        # A rollover keeps the former seat, whatever language was requested.
        same = has == seat or (resumed and has.role == seat.role)
        if session.session_id != request.session_id or not same:
            raise already_in_session()
        if has.role == "speaker":
            if session.speaker_connection_id != caller.connection_id:
                return None
            if SPEAKER in session.pending_notifications:
                self._notifier.speaker_reconnected(session)
        elif has.role == "interpreter":
            if not resumed and self._rollover.can_take_over(
                caller, request.resume_token, session, has
            ):
                return None
            self._interpreters.notify_again(session, has.language, caller.connection_id)
        self._rollover.renew_token(caller, session, token.resume_hash)
        return self._reply(caller, session, has, token, resumed=resumed, last=request.last)

    def _join_as_listener(
        self, caller: Caller, request: JoinSession, seat: Seat, token: NewResumeToken
    ) -> SessionJoined:
        seated = self._listeners.take_seat(caller, request.session_id, seat, token.resume_hash)
        if isinstance(seated, Session):
            return self._reply(caller, seated, seat, token, resumed=False, last=request.last)
        again = self._repeat_answer(caller, request, seated, seat, token)
        assert again is not None  # only sources start over
        return again

    def _take_floor(self, caller: Caller, session: Session, token: NewResumeToken) -> None:
        """Give the floor to the owner's newest connection and close the older one."""
        if caller.user_id != session.owner:
            raise forbidden("joinSession as speaker", "the session's owner")
        for _ in range(_ATTEMPTS):
            epoch = session.speaker_epoch + 1
            membership = Membership(session.session_id, SPEAKER_SEAT, epoch)
            if not self._connections.take_seat(
                caller.connection_id, membership, token.resume_hash, now_ms=self._clock.now_ms()
            ):
                raise self._seat_lookup.seat_error(caller)
            if self._sessions.take_floor(session, caller.connection_id):
                self._displace(session, caller, epoch)
                if self._connections.get(caller.connection_id) is None:
                    # It closed before the session named it, so its $disconnect released nothing.
                    self._leave_service.release_source(caller.connection_id, membership)
                    raise connection_not_found()
                return
            self._connections.undo_take_seat(caller.connection_id, session.session_id)
            session = self._read(session.session_id)
        raise LingocastError(ErrorCode.UNAVAILABLE, "the floor keeps changing hands; try again")

    def _displace(self, session: Session, caller: Caller, epoch: int) -> None:
        present = session.with_speaker(caller.connection_id, epoch)
        try:
            self._notifier.speaker_reconnected(present.with_pending_notification(SPEAKER, epoch))
        finally:  # a repeated request no longer knows the displaced connection
            if session.speaker_connected:
                # Its $disconnect starts no grace period: it is no longer the session's speaker.
                self._sender.delete(
                    session.speaker_connection_id, self._clock.now_ms() + CONTROL_DEADLINE_MS
                )

    def _read(self, session_id: str) -> Session:
        return require_active(self._sessions.get(session_id))

    def _reply(
        self,
        caller: Caller,
        session: Session,
        seat: Seat,
        token: NewResumeToken,
        *,
        resumed: bool,
        last: LastHeard | None,
    ) -> SessionJoined:
        source = session.source_of(caller.connection_id, caller.received_at)
        language = seat.language or session.source_language
        return SessionJoined(
            session_id=session.session_id,
            role=seat.role,
            target_language=language,
            source_language=session.source_language,
            audio_format=session.audio_format,
            broadcast_state=session.broadcast_state,
            # Interpreters and the speaker hear the floor, not their own channel.
            channel_source=session.channel_source(language) if seat.role == "listener" else "floor",
            channels=session.interpreted(),
            speaker_connected=session.speaker_connected,
            epoch=source.epoch if source else None,
            lease=self._interpreters.lease(session, language, caller.connection_id),
            resumed=resumed,
            recovered=None if last is None else missed_nothing(session, language, last),
            connection_expires_at=caller.connection_expires_at(self._connection_lifetime_ms),
            resume_token=token.text,
        )


def _check_fields(request: JoinSession) -> None:
    """Refuse fields that belong to another role, and a `last.language` that is no language."""
    if request.last is not None:
        if request.role != "listener":
            raise ValidationError(
                ErrorCode.INVALID_MESSAGE, "last", "only with the role listener; leave it out"
            )
        validate_language_code(request.last.language, "last.language")
    if request.role == "interpreter":
        return
    for field, given in (("standby", request.standby), ("source", request.source is not None)):
        if given:
            raise ValidationError(
                ErrorCode.INVALID_MESSAGE, field, "only with the role interpreter"
            )
