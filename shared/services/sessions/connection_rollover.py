"""Rollover: a new connection takes over the seat of an expiring one by its resume token.

No counter changes, no channel is freed and no grace period starts. A listener's seat moves when the
former row is marked as replaced. A speaker's or interpreter's seat moves with the session, which
names the former connection while its audio is still accepted. A caller whose token does not match
joins like any other.
"""

from __future__ import annotations

import contextlib

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_channels import InterpreterChannels
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

# Attempts to move an interpreter's place if it changes between the read and the write.
_ATTEMPTS = 3


class ConnectionRollover:
    """Takes over seats for joinSession."""

    def __init__(
        self,
        rollovers: Rollovers,
        channels: InterpreterChannels,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        seat_lookup: SeatLookup,
        leave_service: LeaveService,
        notifier: SessionNotifier,
        clock: Clock,
    ) -> None:
        self._rollovers = rollovers
        self._channels = channels
        self._sessions = sessions
        self._connections = connections
        self._seat_lookup = seat_lookup
        self._leave_service = leave_service
        self._notifier = notifier
        self._clock = clock

    def take_over(
        self, caller: Caller, token_text: str | None, session: Session, seat: Seat, new_hash: str
    ) -> Seat | None:
        """Move the token's seat to the caller. Returns it, or None if the token does not match.

        A listener gets the present language of the former connection, whatever `seat` says: it may
        have changed meanwhile. `new_hash` is the hash of the caller's new token. Raises
        CONNECTION_NOT_FOUND or ALREADY_IN_SESSION if the caller cannot take a seat.
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
            assert seated is not None  # implied by _is_same_seat
            taken = self._take_over_interpreter(caller, token, session, seated, new_hash)
        else:
            taken = self._take_over_speaker(caller, token, session, seat, new_hash)
        return seat if taken else None

    def has_rolled_over(self, caller: Caller, token_text: str | None, session: Session) -> bool:
        """Whether the caller has already taken over by that token.

        Also marks the former row as replaced, the last step of a rollover, if that is missing.
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
        """Whether an interpreter's place still belongs to the token's connection."""
        token = parse_resume_token(token_text)
        channel = session.channels.get(seat.language)
        if token is None or token.connection_id == caller.connection_id:
            return False
        if self._channel_after(channel, token.connection_id, caller.connection_id) is None:
            return False
        candidate = self._rollovers.candidate(token.connection_id, token.resume_hash)
        return candidate is not None and _is_same_seat(candidate.connection, caller, session, seat)

    def proves_membership(self, caller: Caller, token_text: str | None, session_id: str) -> bool:
        """Whether the token belongs to a member of that session with the caller's user id."""
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
        """Replace the resume token of the caller's seat."""
        if not self._rollovers.set_resume_hash(caller.connection_id, session.session_id, new_hash):
            raise self._seat_lookup.seat_error(caller)

    def _take_over_listener(
        self, caller: Caller, token: ResumeToken, candidate: RolloverCandidate, new_hash: str
    ) -> Seat | None:
        # An earlier request of the caller may already have marked the row.
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
            # The former connection closed meanwhile and, being replaced, was not counted out.
            self._sessions.count_out(
                membership.session_id,
                membership.seat.language,
                write_id=f"given back {token.connection_id} {caller.connection_id}",
            )

    def _take_over_speaker(
        self, caller: Caller, token: ResumeToken, session: Session, seat: Seat, new_hash: str
    ) -> bool:
        if session.speaker_connection_id != token.connection_id:
            return False  # the owner already speaks on another connection
        membership = Membership(session.session_id, seat, session.speaker_epoch + 1)
        self._take_seat(caller, membership, new_hash)
        until = self._clock.now_ms() + OVERLAP_MS
        before = self._rollovers.roll_over_floor(session, caller.connection_id, until)
        if before is None:
            self._connections.undo_take_seat(caller.connection_id, session.session_id)
            return False
        self._complete(caller, token, membership)
        if before.grace_until is not None:  # the members had been notified of the absence
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
        """Move the place of an interpreter or a stand-by."""
        language, old, new = seated.seat.language, token.connection_id, caller.connection_id
        if self._channel_after(session.channels.get(language), old, new) is None:
            return False
        self._take_seat(caller, seated, new_hash)
        latest: Session | None = session
        for _ in range(_ATTEMPTS):
            before = latest.channels.get(language) if latest and latest.is_active else None
            after = self._channel_after(before, old, new)
            if before is None or after is None:
                break
            if self._write_channel(session.session_id, language, before, after, ids=(old, new)):
                self._complete(caller, token, seated)
                return True
            # The stand-by may have been promoted, or the interpreter has changed.
            latest = self._sessions.get(session.session_id)
        self._connections.undo_take_seat(new, session.session_id)
        return False

    def _channel_after(self, channel: Channel | None, old: str, new: str) -> Channel | None:
        return None if channel is None else roll_over(channel, old, new, self._clock.now_ms())

    def _write_channel(
        self,
        session_id: str,
        language: str,
        before: Channel,
        after: Channel,
        *,
        ids: tuple[str, str],
    ) -> bool:
        old, new = ids
        if after.connection_id == new:
            return self._channels.change(session_id, language, before, after)
        return self._channels.move_standby(session_id, language, old, new, after.standbys[new])

    def _take_seat(self, caller: Caller, membership: Membership, new_hash: str) -> None:
        if not self._connections.take_seat(
            caller.connection_id, membership, new_hash, now_ms=self._clock.now_ms()
        ):
            raise self._seat_lookup.seat_error(caller)

    def _complete(self, caller: Caller, token: ResumeToken, membership: Membership) -> None:
        """Finish a rollover once the session names the new connection as a source."""
        # Without the mark, the former connection is closed only once it is idle.
        with contextlib.suppress(StoreUnavailableError):
            self._mark_replaced(caller, token)
        if self._connections.get(caller.connection_id) is None:
            # It closed before the session named it, so its $disconnect released nothing.
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
    """Whether the session names the caller as the successor of that connection."""
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
    """Whether the connection has the requested seat and the caller's user id."""
    membership = connection.membership
    return (
        membership is not None
        and membership.session_id == session.session_id
        and connection.user_id == caller.user_id
        # Only listeners change their language.
        and (membership.seat == seat or membership.seat.role == seat.role == "listener")
    )
