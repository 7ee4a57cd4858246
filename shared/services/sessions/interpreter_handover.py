"""Handover on request: an interpreter takes over, or hands over to a stand-by."""

from __future__ import annotations

from contextlib import suppress

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_channels import ChannelConditions, InterpreterChannels
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.pending_notifications import channel_subject
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError
from shared.models.interpretation import InterpreterSource
from shared.models.request_errors import forbidden, not_in_session, require_active
from shared.models.session import Session
from shared.models.succession_rules import acquire, is_expired, live_standbys, take_over
from shared.protocol.interpretation_messages import HandOver, InterpreterLease, TakeOver
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.interpreter_succession import (
    ChannelHandover,
    InterpreterSuccession,
    with_pending_channel,
)
from shared.services.sessions.seat_lookup import OccupiedSeat, SeatLookup
from shared.utils.clock import Clock

# Each lost race means that another write succeeded; this many in a row are a fault.
_ATTEMPTS = 5


class InterpreterHandover:
    """Answers takeOver and handOver."""

    def __init__(
        self,
        channels: InterpreterChannels,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        *,
        succession: InterpreterSuccession,
        seats: InterpreterSeats,
        seat_lookup: SeatLookup,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._leases = leases
        self._sessions = sessions
        self._succession = succession
        self._seats = seats
        self._seat_lookup = seat_lookup
        self._clock = clock

    def take_over(self, caller: Caller, _request: TakeOver) -> InterpreterLease:
        """Make the caller the interpreter; the former one becomes a stand-by.

        A caller who already interprets gets the present lease.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN, UNAVAILABLE.
        """
        seated = self._require_interpreter(caller, "takeOver")
        session, language = seated.session, seated.membership.seat.language
        source = seated.membership.source or "human"
        for _ in range(_ATTEMPTS):
            channel = session.channels.get(language)
            if channel is not None and channel.connection_id == caller.connection_id:
                self._seats.notify_again(session, language, caller.connection_id)
                return self._succession.lease_message(
                    session, language, caller.connection_id, "asked"
                )
            handover = self._try_take_over(session, language, caller.connection_id, source)
            if handover is not None:
                self._seats.notify(handover, caller.connection_id)
                if not self._seats.confirm_seat(session.session_id, language, caller.connection_id):
                    raise not_in_session("takeOver")
                return self._succession.lease_message(
                    handover.session, language, caller.connection_id, "asked"
                )
            session = require_active(self._sessions.get(session.session_id))
        raise _keeps_changing(language)

    def hand_over(self, caller: Caller, _request: HandOver) -> InterpreterLease:
        """Hand over to the next stand-by; the caller becomes the last one.

        Raises CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN, NO_STANDBY,
        UNAVAILABLE.
        """
        seated = self._require_interpreter(caller, "handOver")
        session, language = seated.session, seated.membership.seat.language
        for _ in range(_ATTEMPTS):
            channel = session.channels.get(language)
            if channel is None or channel.connection_id != caller.connection_id:
                # An interrupted request has already handed over.
                if channel_subject(language) in session.pending_notifications:
                    self._seats.notify_again(session, language, caller.connection_id)
                    return self._handed_over_reply(session, language, caller.connection_id)
                raise forbidden("handOver", "the present interpreter of the language")
            now = self._clock.now_ms()
            session = self._leases.refresh_standbys(session, language, now)
            if not live_standbys(session.channels[language], now):
                raise LingocastError(
                    ErrorCode.NO_STANDBY,
                    f"handOver: {language} has no stand-by; leaveSession returns it to the floor",
                )
            handover = self._succession.pass_on(session, language, "handedOver")
            if handover is not None:
                self._seats.notify(handover, caller.connection_id)
                # The stand-by may be gone, and the caller promoted again.
                session = handover.session
                with suppress(StoreUnavailableError):
                    session = require_active(self._sessions.get(session.session_id))
                return self._handed_over_reply(session, language, caller.connection_id)
            session = require_active(self._sessions.get(session.session_id))
        raise _keeps_changing(language)

    def _handed_over_reply(
        self, session: Session, language: str, connection_id: str
    ) -> InterpreterLease:
        return self._succession.lease_message(session, language, connection_id, "handedOver")

    def _require_interpreter(self, caller: Caller, action: str) -> OccupiedSeat:
        seated = self._seat_lookup.require(caller, action)
        if seated.membership.seat.role != "interpreter":
            raise forbidden(action, "interpreters")
        return seated

    def _try_take_over(
        self, session: Session, language: str, connection_id: str, source: InterpreterSource
    ) -> ChannelHandover | None:
        """Try once; None if the channel changed meanwhile or an expired lease was passed on."""
        now = self._clock.now_ms()
        session = self._leases.refresh_channel(session, language, now)
        before = session.channels.get(language)
        if before is not None and is_expired(before, now):
            # Succession goes first, so that a machine does not get ahead of human stand-bys.
            lost = self._succession.pass_on(session, language, "expired")
            if lost is not None:
                self._succession.notify(lost)
            return None
        if before is None or before.connection_id is None:
            after = acquire(before, connection_id, source, now, first_epoch=session.first_epoch)
        elif source == "machine" and before.source == "human":
            raise forbidden("takeOver from a person", "people")
        else:
            after = take_over(before, connection_id, source, now)
        is_newcomer = before is not None and connection_id not in before.standbys
        conditions = ChannelConditions(standby_room=is_newcomer)
        if not self._channels.change(
            session.session_id, language, before, after, conditions, notify_members=True
        ):
            return None
        present = with_pending_channel(session, language, after)
        return ChannelHandover(present, language, before, after, "takenOver")


def _keeps_changing(language: str) -> LingocastError:
    return LingocastError(
        ErrorCode.UNAVAILABLE, f"the interpreters of {language} keep changing; try again"
    )
