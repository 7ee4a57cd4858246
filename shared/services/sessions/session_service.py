"""Creating and ending sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.pending_notifications import END
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.connection import SPEAKER_SEAT, Caller, Membership
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.interpretation import Interpretation, RequestedInterpretation
from shared.models.interpreter_run import RUN_LEASE_MS, InterpreterRun
from shared.models.request_errors import (
    already_in_session,
    interpretation_full,
    require_group,
    session_ended,
)
from shared.models.session import Session
from shared.protocol.messages import CreateSession, EndSession, SessionCreated, SessionEnded
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.seat_lookup import OccupiedSeat, SeatLookup
from shared.utils.clock import Clock
from shared.utils.hashed_secret import new_secret
from shared.utils.identifiers import Identifiers
from shared.utils.resume_token import new_resume_token
from shared.utils.validators import (
    validate_audio_format,
    validate_language_code,
    validate_quality_tier,
)

# With ten million ids and a few thousand sessions, five collisions in a row do not happen.
_ID_ATTEMPTS = 5


class MachineInterpretation(Protocol):
    """Port: machine interpretation as needed to create a session."""

    def validate(
        self,
        requested: RequestedInterpretation | None,
        *,
        source_language: str,
        audio_format: AudioFormat,
    ) -> Interpretation | None:
        """Return the normalised request. Raises ValidationError."""
        ...

    def reserve(self, session_id: str, now_ms: int) -> bool:
        """Reserve a slot for interpreted sessions. False if all are taken."""
        ...

    def release(self, session_id: str) -> None:
        """Free the session's slot."""
        ...

    def start(self, session_id: str, ticket: str, generation: int) -> bool:
        """Request a run of the interpreter. False if that failed; the sweep then retries."""
        ...


class SessionService:
    """Creates and ends sessions. Only the session's speaker may end it."""

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        seat_lookup: SeatLookup,
        notifier: SessionNotifier,
        *,
        interpretation: MachineInterpretation,
        identifiers: Identifiers,
        clock: Clock,
        max_listeners: int,
        connection_lifetime_ms: int,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._notifier = notifier
        self._interpretation = interpretation
        self._identifiers = identifiers
        self._clock = clock
        self._max_listeners = max_listeners
        self._connection_lifetime_ms = connection_lifetime_ms

    def create_session(self, caller: Caller, request: CreateSession) -> SessionCreated:
        """Create a session with the caller as its speaker, and start interpretation if requested.

        Raises INVALID_LANGUAGE, INVALID_QUALITY_TIER, INVALID_AUDIO_FORMAT, INVALID_AUDIO,
        INVALID_ENGINE, INVALID_MESSAGE (maxListeners), AUTHENTICATION_REQUIRED, FORBIDDEN,
        ALREADY_IN_SESSION, CONNECTION_NOT_FOUND, INTERPRETATION_FULL.
        """
        source_language = validate_language_code(request.source_language, "sourceLanguage")
        quality_tier = validate_quality_tier(request.quality_tier)
        audio_format = validate_audio_format(request.audio_format)
        interpretation = self._interpretation.validate(
            request.interpretation, source_language=source_language, audio_format=audio_format
        )
        max_listeners = self._max_listeners_for(request.max_listeners)
        owner = require_group(caller, "speakers", "createSession")
        if isinstance(self._seat_lookup.current(caller), OccupiedSeat):
            raise already_in_session()
        now = self._clock.now_ms()
        ticket = new_secret(self._identifiers) if interpretation is not None else None
        secret = new_secret(self._identifiers) if request.access == "link" else None
        session = self._create(
            caller,
            lambda session_id: Session(
                session_id=session_id,
                owner=owner,
                speaker_connection_id=caller.connection_id,
                speaker_epoch=1,
                source_language=source_language,
                quality_tier=quality_tier,
                audio_format=audio_format,
                created_at=now,
                max_listeners=max_listeners,
                broadcast_state=BroadcastState(last_state_change=now),
                interpreters=None
                if request.interpreters is None
                else frozenset(request.interpreters),
                interpretation=interpretation,
                ticket_hash=ticket.hash if ticket else None,
                interpreter_run=InterpreterRun(0, now + RUN_LEASE_MS) if ticket else None,
                secret_hash=secret.hash if secret else None,
            ),
        )
        membership = Membership(session.session_id, SPEAKER_SEAT, session.speaker_epoch)
        token = new_resume_token(self._identifiers, caller.connection_id)
        with self._discard_on_failure(session, caller):
            seated = self._connections.take_seat(
                caller.connection_id, membership, token.resume_hash, now_ms=self._clock.now_ms()
            )
        if not seated:
            self._discard(session, caller)
            raise self._seat_lookup.seat_error(caller)
        if ticket is not None:
            self._interpretation.start(session.session_id, ticket.text, generation=1)
        return SessionCreated(
            session_id=session.session_id,
            source_language=session.source_language,
            quality_tier=session.quality_tier,
            audio_format=session.audio_format,
            broadcast_state=session.broadcast_state,
            created_at=session.created_at,
            epoch=session.speaker_epoch,
            connection_expires_at=caller.connection_expires_at(self._connection_lifetime_ms),
            resume_token=token.text,
            interpretation=interpretation,
            access=request.access,
            secret=secret.text if secret else None,
        )

    def end_session(self, caller: Caller, _request: EndSession) -> SessionEnded:
        """End the caller's session for everyone.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN.
        """
        session = self._end(caller)
        self._notifier.session_ended(session, except_for=caller.connection_id)
        return SessionEnded(session_id=session.session_id, reason="ended")

    def _end(self, caller: Caller) -> Session:
        """End the caller's session in the store and return it, before its members are notified."""
        try:
            session = self._seat_lookup.require_floor(caller, "endSession")
            now = self._clock.now_ms()
            if self._sessions.end(session.session_id, caller.connection_id, now):
                return session.ended("ended").with_pending_notification(END, now)
            raise session_ended()
        except LingocastError as refused:
            if refused.code is not ErrorCode.SESSION_ENDED:
                raise
            # The same speaker may have ended it by an interrupted request.
            membership = self._seat_lookup.membership(caller)
            before = self._sessions.get(membership.session_id) if membership else None
            if (
                before is None
                or before.end_reason != "ended"
                or before.speaker_connection_id != caller.connection_id
                or END not in before.pending_notifications
            ):
                raise
            return before

    @contextmanager
    def _discard_on_failure(self, session: Session, caller: Caller) -> Iterator[None]:
        """Remove a new session if the request fails; the next one creates another."""
        try:
            yield
        except StoreUnavailableError:
            with suppress(StoreUnavailableError):  # the sweep ends it
                self._discard(session, caller)
            raise

    def _discard(self, session: Session, caller: Caller) -> None:
        """Remove a new session and free its slot."""
        self._sessions.discard(session.session_id, caller.connection_id)
        if session.interpretation is not None:
            self._interpretation.release(session.session_id)

    def _max_listeners_for(self, requested: int | None) -> int:
        if requested is not None and requested > self._max_listeners:
            raise ValidationError(
                ErrorCode.INVALID_MESSAGE, "maxListeners", f"at most {self._max_listeners}"
            )
        return requested or self._max_listeners

    def _create(self, caller: Caller, draft: Callable[[str], Session]) -> Session:
        """Store a session under a free id, with a slot reserved if it is interpreted."""
        for _ in range(_ID_ATTEMPTS):
            session = draft(self._identifiers.session_id())
            interpreted = session.interpretation is not None
            if interpreted and not self._interpretation.reserve(
                session.session_id, session.created_at
            ):
                raise interpretation_full()
            with self._discard_on_failure(session, caller):
                if self._sessions.create(session):
                    return session
            if interpreted:
                self._interpretation.release(session.session_id)
        raise LingocastError(ErrorCode.UNAVAILABLE, "no free session id was found; try again")
