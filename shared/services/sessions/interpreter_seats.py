"""Interpreters sit down: one interprets a language, others may wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_leases import InterpreterLeases, Unless
from shared.data_access.session_news import channel_subject
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Membership, Seat
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.interpretation import InterpreterSource
from shared.models.request_errors import active, too_many_channels
from shared.models.session import MAX_LANGUAGES, Session
from shared.models.succession_rules import MAX_STANDBYS, is_expired, joined_by, taken
from shared.protocol.messages import JoinSession
from shared.services.sessions.interpreter_succession import (
    ChannelHandover,
    InterpreterSuccession,
    with_channel_news,
)
from shared.services.sessions.seat_lookup import SeatLookup
from shared.utils.clock import Clock

# Each lost race for a language was won by somebody else; this many at once are a fault.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Entered:
    """The session with somebody's place in it; `passed` if they interpret from now on, which
    nobody has been told yet.
    """

    session: Session
    passed: ChannelHandover | None = None


class InterpreterSeats:
    """Gives interpreters their place: first in the session, under its condition, then their row."""

    def __init__(
        self,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        ladder: InterpreterSuccession,
        seating: SeatLookup,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._sessions = sessions
        self._connections = connections
        self._ladder = ladder
        self._seating = seating
        self._clock = clock

    def sit(
        self,
        caller: Caller,
        session: Session,
        seat: Seat,
        request: JoinSession,
        resume_hash: str,
    ) -> None:
        """Let the caller interpret a language, or wait for it.

        Raises LANGUAGE_TAKEN, INVALID_LANGUAGE, CONNECTION_NOT_FOUND, ALREADY_IN_SESSION.
        """
        session_id, connection_id = session.session_id, caller.connection_id
        source = request.source or "human"
        entered = self.enter(session, seat.language, connection_id, source, wait=request.standby)
        membership = Membership(session_id, seat, source=source)
        if not self._connections.take_seat(
            connection_id, membership, resume_hash, now_ms=self._clock.now_ms()
        ):
            self._ladder.leave(session_id, seat.language, connection_id)
            raise self._seating.why_not_seated(caller)
        if entered.passed is not None:
            self.tell(entered.passed, connection_id)

    def enter(
        self,
        session: Session,
        language: str,
        connection_id: str,
        source: InterpreterSource,
        *,
        wait: bool,
    ) -> Entered:
        """A place for a connection that has none in the channel: as the interpreter if there is
        none who is alive, else, if it may `wait`, behind the others.

        Raises LANGUAGE_TAKEN, INVALID_LANGUAGE, SESSION_ENDED, UNAVAILABLE.
        """
        for _ in range(_ATTEMPTS):
            now = self._clock.now_ms()
            before = session.channels.get(language)
            mine = self._own_place(session, language, connection_id)
            if mine is not None:
                return mine
            if before is None and len(session.channels) >= MAX_LANGUAGES:
                if not self._leases.forget_unused(session):
                    raise too_many_channels()
            elif before is not None and is_expired(before, now):
                # Who waits has been there before whoever comes.
                lost = self._ladder.lose(session, language, "expired")
                if lost is not None:
                    self._ladder.tell(lost)
            elif before is None or before.connection_id is None:
                after = taken(before, connection_id, source, now, first_epoch=session.first_epoch)
                if self._leases.change(session.session_id, language, before, after, is_news=True):
                    present = with_channel_news(session, language, after)
                    return Entered(
                        present, ChannelHandover(present, language, before, after, "asked")
                    )
            elif not wait:
                raise _taken(language, "has an interpreter; joinSession with standby waits")
            else:
                after = joined_by(before, connection_id, source, now)
                if len(after.standbys) > MAX_STANDBYS:
                    raise _taken(language, f"has an interpreter, and {MAX_STANDBYS} wait already")
                unless = Unless(full=True)
                if self._leases.change(session.session_id, language, before, after, unless):
                    return Entered(session.with_channel(language, after))
            session = active(self._sessions.get(session.session_id))
        raise LingocastError(
            ErrorCode.UNAVAILABLE, f"the interpreters of {language} keep changing; try again"
        )

    def tell_again(self, session: Session, language: str, connection_id: str) -> None:
        """Tell who interprets a language, if an earlier request was cut short before that. Raises
        StoreUnavailableError.
        """
        if channel_subject(language) in session.news and not self._ladder.tell_again(
            session, language, except_for=connection_id
        ):
            raise _nobody_heard()

    def tell(self, passed: ChannelHandover, connection_id: str) -> None:
        """Tell everybody of what this connection has asked for. Raises StoreUnavailableError."""
        if not self._ladder.tell(passed, except_for=connection_id):
            raise _nobody_heard()

    @staticmethod
    def _own_place(session: Session, language: str, connection_id: str) -> Entered | None:
        """What an earlier request has given the connection, if it was cut short after that."""
        channel = session.channels.get(language)
        if channel is None:
            return None
        if channel.connection_id == connection_id:
            return Entered(session, ChannelHandover(session, language, None, channel, "asked"))
        return Entered(session) if connection_id in channel.standbys else None

    def still_sits(self, session_id: str, language: str, connection_id: str) -> bool:
        """Whether a connection that has just been given a place sits there yet. If it has left or
        ended meanwhile, its farewell found nothing to give up, and the place is given up here.
        """
        connection = self._connections.get(connection_id)
        membership = connection.membership if connection else None
        if membership is not None and membership.session_id == session_id:
            return True
        self._ladder.leave(session_id, language, connection_id)
        return False


def _nobody_heard() -> StoreUnavailableError:
    return StoreUnavailableError("listeners not read")


def _taken(language: str, why: str) -> LingocastError:
    return ValidationError(ErrorCode.LANGUAGE_TAKEN, "targetLanguage", f"{language} {why}")
