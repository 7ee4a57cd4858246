"""Rolling over: a new connection takes over the seat of one that is soon to end, by its token.

Nothing is counted in or out, no channel is freed, no grace begins. A listener's seat passes with
the mark on its row; a speaker's or interpreter's with the session, which names the former
connection for as long as that is still heard. Whoever comes with a token that does not fit joins
like anybody else.
"""

from __future__ import annotations

import contextlib

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.pending_notifications import SPEAKER
from shared.data_access.rollovers import RolloverCandidate, Rollovers
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Connection, Membership, Seat
from shared.models.request_errors import connection_not_found
from shared.models.session import OVERLAP_MS, Channel, Session
from shared.models.succession_rules import roll_over
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.leave_service import LeaveService
from shared.services.sessions.seat_lookup import SeatLookup
from shared.utils.clock import Clock
from shared.utils.resume_token import ResumeToken, parse_resume_token

# How often the place of one who waits may change between a read and a write of it.
_ATTEMPTS = 3


class ConnectionRollover:
    """Takes seats over for joinSession."""

    def __init__(
        self,
        rollovers: Rollovers,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        seat_lookup: SeatLookup,
        leave_service: LeaveService,
        notifier: SessionNotifier,
        clock: Clock,
    ) -> None:
        self._rollovers = rollovers
        self._leases = leases
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._leave_service = leave_service
        self._notifier = notifier
        self._clock = clock

    def take_over(
        self, caller: Caller, token_text: str | None, session: Session, seat: Seat, new_hash: str
    ) -> Seat | None:
        """The seat that the token stood for, now the caller's; None if the token does not fit.

        A listener gets the language that the former connection has now, whatever `seat` says: it
        may have changed it on the way. `new_hash` is of the token that replaces the one used.
        Raises CONNECTION_NOT_FOUND or ALREADY_IN_SESSION if the caller cannot sit down.
        """
        token = parse_resume_token(token_text)
        if token is None:
            return None
        candidate = self._rollovers.candidate(token.connection_id, token.resume_hash)
        if candidate is None or candidate.replaced_by not in {None, caller.connection_id}:
            return None
        if not _is_same_seat(candidate.connection, caller, session, seat):
            return None
        if seat.role == "listener":
            return self._take_over_listener(caller, token, candidate, new_hash)
        if seat.role == "interpreter":
            seated = candidate.connection.membership
            assert seated is not None  # it fits
            taken = self._take_over_interpreter(caller, token, session, seated, new_hash)
        else:
            taken = self._take_over_speaker(caller, token, session, seat, new_hash)
        return seat if taken else None

    def has_rolled_over(self, caller: Caller, token_text: str | None, session: Session) -> bool:
        """Whether the caller has taken over by that token before. The mark on the former row comes
        last, and is made good here.
        """
        token = parse_resume_token(token_text)
        if token is None:
            return False
        candidate = self._rollovers.candidate(token.connection_id, token.resume_hash)
        if candidate is None:
            return _is_successor(session, token.connection_id, caller)
        if candidate.replaced_by is None and _is_successor(session, token.connection_id, caller):
            with contextlib.suppress(StoreUnavailableError):
                self._mark_replaced(caller, token)
            return True
        return candidate.replaced_by == caller.connection_id

    def can_take_over(
        self, caller: Caller, token_text: str | None, session: Session, seat: Seat
    ) -> bool:
        """Whether an interpreter's place is still that of the connection which the token names."""
        token = parse_resume_token(token_text)
        channel = session.channels.get(seat.language)
        if token is None or token.connection_id == caller.connection_id:
            return False
        if self._channel_after(channel, token.connection_id, caller.connection_id) is None:
            return False
        candidate = self._rollovers.candidate(token.connection_id, token.resume_hash)
        return candidate is not None and _is_same_seat(candidate.connection, caller, session, seat)

    def proves_membership(self, caller: Caller, token_text: str | None, session_id: str) -> bool:
        """Whether the token is of somebody, of the caller's name, who was let into that session."""
        token = parse_resume_token(token_text)
        if token is None:
            return False
        candidate = self._rollovers.candidate(token.connection_id, token.resume_hash)
        if candidate is None or candidate.connection.membership is None:
            return False
        return (
            candidate.connection.membership.session_id == session_id
            and candidate.connection.user_id == caller.user_id
        )

    def renew_token(self, caller: Caller, session: Session, new_hash: str) -> None:
        """Give the caller's seat a new token, in place of the one before."""
        if not self._rollovers.set_resume_hash(caller.connection_id, session.session_id, new_hash):
            raise self._seat_lookup.seat_error(caller)

    def _take_over_listener(
        self, caller: Caller, token: ResumeToken, candidate: RolloverCandidate, new_hash: str
    ) -> Seat | None:
        # An earlier request of the caller may have got as far as the mark.
        before = (
            candidate.connection if candidate.replaced_by else self._mark_replaced(caller, token)
        )
        membership = before.membership if before else None
        if membership is None:
            return None
        try:
            seated = self._connections.take_seat(
                caller.connection_id,
                membership,
                new_hash,
                now_ms=self._clock.now_ms(),
                taken_over=True,
            )
        except StoreUnavailableError:
            if not self._seat_lookup.has_seat(caller, membership):
                self._return_seat(caller, token, membership)
                raise
            return membership.seat
        if not seated:
            self._return_seat(caller, token, membership)
            raise self._seat_lookup.seat_error(caller)
        return membership.seat

    def _return_seat(self, caller: Caller, token: ResumeToken, membership: Membership) -> None:
        now = self._clock.now_ms()
        if not self._rollovers.undo_replace(
            token.connection_id, by=caller.connection_id, now_ms=now
        ):
            # It has ended meanwhile, and was not counted out because its seat had passed on.
            self._sessions.count_out(
                membership.session_id,
                membership.seat.language,
                write_id=f"given back {token.connection_id} {caller.connection_id}",
            )

    def _take_over_speaker(
        self, caller: Caller, token: ResumeToken, session: Session, seat: Seat, new_hash: str
    ) -> bool:
        if session.speaker_connection_id != token.connection_id:
            return False  # the owner speaks elsewhere by now
        membership = Membership(session.session_id, seat, session.speaker_epoch + 1)
        self._take_seat(caller, membership, new_hash)
        until = self._clock.now_ms() + OVERLAP_MS
        before = self._rollovers.roll_over_floor(session, caller.connection_id, until)
        if before is None:
            self._connections.undo_take_seat(caller.connection_id, session.session_id)
            return False
        self._complete(caller, token, membership)
        if before.grace_until is not None:  # it was away, and everyone had been told so
            epoch = before.speaker_epoch + 1
            present = before.with_speaker(caller.connection_id, epoch)
            self._notifier.speaker_reconnected(present.with_pending_notification(SPEAKER, epoch))
        return True

    def _take_over_interpreter(
        self,
        caller: Caller,
        token: ResumeToken,
        session: Session,
        seated: Membership,
        new_hash: str,
    ) -> bool:
        """Of an interpreter, or of one who waits to be."""
        language, old, new = seated.seat.language, token.connection_id, caller.connection_id
        if self._channel_after(session.channels.get(language), old, new) is None:
            return False
        self._take_seat(caller, seated, new_hash)
        latest: Session | None = session
        for _ in range(_ATTEMPTS):
            present = latest.channels.get(language) if latest and latest.is_active else None
            then = self._channel_after(present, old, new)
            if present is None or then is None:
                break
            if self._write_channel(session.session_id, language, present, then, moved=(old, new)):
                self._complete(caller, token, seated)
                return True
            # Who waits may have been promoted meanwhile, or whoever they wait for have changed.
            latest = self._sessions.get(session.session_id)
        self._connections.undo_take_seat(new, session.session_id)
        return False

    def _channel_after(self, channel: Channel | None, old: str, new: str) -> Channel | None:
        return None if channel is None else roll_over(channel, old, new, self._clock.now_ms())

    def _write_channel(
        self,
        session_id: str,
        language: str,
        present: Channel,
        then: Channel,
        *,
        moved: tuple[str, str],
    ) -> bool:
        old, new = moved
        if then.connection_id == new:
            return self._leases.change(session_id, language, present, then)
        return self._leases.move_standby(session_id, language, old, new, then.standbys[new])

    def _take_seat(self, caller: Caller, membership: Membership, new_hash: str) -> None:
        if not self._connections.take_seat(
            caller.connection_id, membership, new_hash, now_ms=self._clock.now_ms()
        ):
            raise self._seat_lookup.seat_error(caller)

    def _complete(self, caller: Caller, token: ResumeToken, membership: Membership) -> None:
        """What is left once the session names the new connection as a source."""
        # Without the mark the former connection is only closed later: when it falls silent.
        with contextlib.suppress(StoreUnavailableError):
            self._mark_replaced(caller, token)
        if self._connections.get(caller.connection_id) is None:
            # It ended before the session named it, so its farewell had nothing to silence.
            self._leave_service.release_source(caller.connection_id, membership)
            raise connection_not_found()

    def _mark_replaced(self, caller: Caller, token: ResumeToken) -> Connection | None:
        return self._rollovers.replace(
            token.connection_id,
            token.resume_hash,
            by=caller.connection_id,
            now_ms=self._clock.now_ms(),
        )


def _is_successor(session: Session, connection_id: str, caller: Caller) -> bool:
    """Whether the session says that the caller's connection came after that one."""
    sources = [(session.speaker_connection_id, session.former_speaker)]
    sources += [
        (channel.connection_id or "", channel.former) for channel in session.channels.values()
    ]
    return any(
        present == caller.connection_id
        and former is not None
        and former.connection_id == connection_id
        for present, former in sources
    )


def _is_same_seat(connection: Connection, caller: Caller, session: Session, seat: Seat) -> bool:
    """Whether it is the seat that is asked for, and the caller's own."""
    membership = connection.membership
    return (
        membership is not None
        and membership.session_id == session.session_id
        and connection.user_id == caller.user_id
        # Only listeners change their language.
        and (membership.seat == seat or membership.seat.role == seat.role == "listener")
    )
