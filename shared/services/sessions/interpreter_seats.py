"""Seats of interpreters: one interprets a language, others are on stand-by."""

from __future__ import annotations

import msgspec

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_channels import ChannelConditions, InterpreterChannels
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.pending_notifications import channel_subject
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Membership, Seat
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.interpretation import InterpreterSource, Lease
from shared.models.request_errors import require_active, too_many_channels
from shared.models.session import MAX_LANGUAGES, Session
from shared.models.succession_rules import MAX_STANDBYS, acquire, add_standby, is_expired
from shared.protocol.messages import JoinSession
from shared.services.sessions.interpreter_succession import (
    ChannelHandover,
    InterpreterSuccession,
    with_pending_channel,
)
from shared.services.sessions.seat_lookup import SeatLookup
from shared.utils.clock import Clock

# Each lost race means that another write succeeded; this many in a row are a fault.
_ATTEMPTS = 5


class InterpreterPlace(msgspec.Struct, frozen=True):
    """A session with the place of a connection in it.

    `handover` is set, and not yet notified, if the connection interprets from now on.
    """

    session: Session
    handover: ChannelHandover | None = None


class InterpreterSeats:
    """Seats interpreters: first in the session, by a conditional write, then in their row."""

    def __init__(
        self,
        channels: InterpreterChannels,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        succession: InterpreterSuccession,
        seat_lookup: SeatLookup,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._leases = leases
        self._sessions = sessions
        self._connections = connections
        self._succession = succession
        self._seat_lookup = seat_lookup
        self._clock = clock

    def take_seat(
        self,
        caller: Caller,
        session: Session,
        seat: Seat,
        request: JoinSession,
        resume_hash: str,
    ) -> None:
        """Make the caller the interpreter of a language, or a stand-by.

        Raises LANGUAGE_TAKEN, INVALID_LANGUAGE, CONNECTION_NOT_FOUND, ALREADY_IN_SESSION.
        """
        session_id, connection_id = session.session_id, caller.connection_id
        source = request.source or "human"
        place = self.claim(session, seat.language, connection_id, source, wait=request.standby)
        membership = Membership(session_id, seat, source=source)
        if not self._connections.take_seat(
            connection_id, membership, resume_hash, now_ms=self._clock.now_ms()
        ):
            self._succession.leave(session_id, seat.language, connection_id)
            raise self._seat_lookup.seat_error(caller)
        if place.handover is not None:
            self.notify(place.handover, connection_id)

    def claim(
        self,
        session: Session,
        language: str,
        connection_id: str,
        source: InterpreterSource,
        *,
        wait: bool,
    ) -> InterpreterPlace:
        """Give a connection a place in a channel.

        It becomes the interpreter if the channel has none with a valid lease. Otherwise it becomes
        the last stand-by if it may `wait`.

        Raises LANGUAGE_TAKEN, INVALID_LANGUAGE, SESSION_ENDED, UNAVAILABLE.
        """
        for _ in range(_ATTEMPTS):
            now = self._clock.now_ms()
            session = self._leases.refresh_channel(session, language, now)
            before = session.channels.get(language)
            mine = self._existing_place(session, language, connection_id)
            if mine is not None:
                return mine
            if before is None and len(session.channels) >= MAX_LANGUAGES:
                if not self._channels.remove_unused_channels(session):
                    raise too_many_channels()
            elif before is not None and is_expired(before, now):
                # Stand-bys come before the caller.
                lost = self._succession.pass_on(session, language, "expired")
                if lost is not None:
                    self._succession.notify(lost)
            elif before is None or before.connection_id is None:
                after = acquire(before, connection_id, source, now, first_epoch=session.first_epoch)
                if self._channels.change(
                    session.session_id, language, before, after, notify_members=True
                ):
                    present = with_pending_channel(session, language, after)
                    return InterpreterPlace(
                        present, ChannelHandover(present, language, before, after, "asked")
                    )
            elif not wait:
                raise _language_taken(language, "has an interpreter; join with standby to wait")
            else:
                after = add_standby(before, connection_id, source, now)
                if len(after.standbys) > MAX_STANDBYS:
                    raise _language_taken(
                        language, f"has an interpreter and already {MAX_STANDBYS} stand-bys"
                    )
                conditions = ChannelConditions(standby_room=True)
                if self._channels.change(session.session_id, language, before, after, conditions):
                    return InterpreterPlace(session.with_channel(language, after))
            session = require_active(self._sessions.get(session.session_id))
        raise LingocastError(
            ErrorCode.UNAVAILABLE, f"the interpreters of {language} keep changing; try again"
        )

    def lease(self, session: Session, language: str, connection_id: str) -> Lease | None:
        """Return a connection's lease; None without a place. Raises StoreUnavailableError."""
        return self._succession.lease(session, language, connection_id)

    def notify_again(self, session: Session, language: str, connection_id: str) -> None:
        """Send a channel's pending notification, left by an interrupted request.

        Raises StoreUnavailableError.
        """
        if channel_subject(language) not in session.pending_notifications:
            return
        if not self._succession.notify_again(session, language, except_for=connection_id):
            raise _listeners_unread()

    def notify(self, handover: ChannelHandover, connection_id: str) -> None:
        """Notify all but the requesting connection. Raises StoreUnavailableError."""
        if not self._succession.notify(handover, except_for=connection_id):
            raise _listeners_unread()

    @staticmethod
    def _existing_place(
        session: Session, language: str, connection_id: str
    ) -> InterpreterPlace | None:
        """Return the place that an interrupted request has already given the connection."""
        channel = session.channels.get(language)
        if channel is None:
            return None
        if channel.connection_id == connection_id:
            return InterpreterPlace(
                session, ChannelHandover(session, language, None, channel, "asked")
            )
        return InterpreterPlace(session) if connection_id in channel.standbys else None

    def confirm_seat(self, session_id: str, language: str, connection_id: str) -> bool:
        """Whether a connection with a new place still has its seat; gives up the place if not.

        A connection that left or closed just before had no place to give up then.
        """
        connection = self._connections.get(connection_id)
        membership = connection.membership if connection else None
        if membership is not None and membership.session_id == session_id:
            return True
        self._succession.leave(session_id, language, connection_id)
        return False


def _listeners_unread() -> StoreUnavailableError:
    return StoreUnavailableError("listeners not read")


def _language_taken(language: str, why: str) -> LingocastError:
    return ValidationError(ErrorCode.LANGUAGE_TAKEN, "targetLanguage", f"{language} {why}")
