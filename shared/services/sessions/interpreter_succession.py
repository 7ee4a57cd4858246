"""A language passes from one interpreter to another one, or back to the floor: one conditional
write, and whoever it concerns is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.data_access.interpreter_leases import ChannelConditions, InterpreterLeases
from shared.data_access.pending_notifications import channel_subject
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.interpretation import Lease, LeaseReason
from shared.models.session import LEASE_MS, Channel, Session
from shared.models.succession_rules import is_expired, lease_of, live_standbys, promote_next
from shared.models.terms import ChannelSource
from shared.protocol.interpretation_messages import InterpreterLease
from shared.protocol.messages import ChannelSourceChanged
from shared.services.session_notifier import SessionNotifier
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How an interpreter is lost to its language.
Loss = Literal["expired", "silent", "left", "handedOver"]
# Why a language has another interpreter, or none.
Cause = Loss | Literal["takenOver", "asked"]

# What the former one is told; who has left knows.
_LEASE_REASONS: dict[Cause, LeaseReason] = {
    "expired": "expired",
    "silent": "silent",
    "handedOver": "handedOver",
    "takenOver": "takenOver",
}
_CONDITIONS: dict[Loss, ChannelConditions] = {
    "expired": ChannelConditions(standbys_unchanged=True, not_renewed=True),
    "silent": ChannelConditions(standbys_unchanged=True, not_heard=True),
    "left": ChannelConditions(standbys_unchanged=True),
    "handedOver": ChannelConditions(standbys_unchanged=True),
}
# Each lost race was somebody else's step forward; this many at once are a fault, and a lease that
# nobody renews runs out by itself.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ChannelHandover:
    """What has been written: the session as it is now, and the channel before and after."""

    session: Session
    language: str
    before: Channel | None
    after: Channel
    cause: Cause


class InterpreterSuccession:
    """Who is next: a person who waits, else a machine that waits, else the floor."""

    def __init__(
        self,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        notifier: SessionNotifier,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._leases = leases
        self._sessions = sessions
        self._notifier = notifier
        self._clock = clock
        self._telemetry = telemetry

    def pass_on(self, session: Session, language: str, loss: Loss) -> ChannelHandover | None:
        """Let the next one interpret in place of the one in `session`; tells nobody.

        None if anything that matters has changed since the session was read: then nothing is
        written. Raises StoreUnavailableError.
        """
        before = session.channels[language]
        now = self._clock.now_ms()
        stays_until = {"silent": before.lease_until, "handedOver": now + LEASE_MS}.get(loss)
        after = promote_next(before, now, stays_until=stays_until)
        if not self._leases.change(
            session.session_id, language, before, after, _CONDITIONS[loss], notify_members=True
        ):
            return None
        if loss == "expired":
            self._telemetry.count("InterpreterLeaseExpired")
        elif loss == "silent":
            self._telemetry.count("InterpreterSilent")
        if after.connection_id is not None:
            self._telemetry.count("InterpreterPromoted")
        present = with_pending_channel(session, language, after)
        return ChannelHandover(present, language, before, after, loss)

    def pass_on_expired(self, session: Session) -> bool:
        """Pass on every language whose interpreter's lease has run out, and tell everybody; whether
        there was one. The second way, for sessions whose floor is silent.

        Raises StoreUnavailableError.
        """
        found = False
        for language in session.channels if session.is_active else ():
            if not is_expired(session.channels[language], self._clock.now_ms()):
                continue
            handover = self.pass_on(session, language, "expired")
            if handover is not None:
                self.notify(handover)
                session, found = handover.session, True
        return found

    def leave(self, session_id: str, language: str, connection_id: str) -> None:
        """Give up what a connection has of a language, if anything. Safe to repeat.

        Raises StoreUnavailableError.
        """
        for _ in range(_ATTEMPTS):
            session = self._sessions.get(session_id)
            if session is None or not session.is_active:
                return
            channel = session.channels.get(language)
            if channel is not None and channel.connection_id == connection_id:
                handover = self.pass_on(session, language, "left")
                if handover is not None:
                    self.notify(handover)
                    return
            elif channel is None or connection_id not in channel.standbys:
                if channel_subject(language) in session.pending_notifications:
                    self.notify_again(session, language)
                return
            elif self._leases.remove_standby(session_id, language, connection_id):
                return

    def notify(self, handover: ChannelHandover, *, except_for: str | None = None) -> bool:
        """The listeners hear whom they hear now, who interprets and who did what became of them;
        not who asked for it, and not who has left.

        Whoever passes the language on meanwhile may have told so before. The epoch is that of the
        channel, also where it falls to the floor, so that receivers know which word is the last.
        False if it could not be read who the listeners are; then it remains news.
        """
        session, language = handover.session, handover.language
        told: dict[str, InterpreterLease] = {}
        present = handover.after.connection_id
        if present is not None:
            told[present] = self.lease_message(session, language, present, "promoted")
        former = handover.before.connection_id if handover.before else None
        if former is not None and handover.cause in _LEASE_REASONS:
            told[former] = self.lease_message(
                session, language, former, _LEASE_REASONS[handover.cause]
            )
        told.pop(except_for or "", None)
        return self._notifier.channel_source_changed(
            session,
            ChannelSourceChanged(
                session_id=session.session_id,
                language=language,
                from_source=_source_of(handover.before),
                to_source=_source_of(handover.after),
                epoch=handover.after.epoch,
            ),
            told,
        )

    def notify_again(
        self, session: Session, language: str, *, except_for: str | None = None
    ) -> bool:
        """Tell who interprets a language, where whoever changed it may not have done so."""
        present = ChannelHandover(session, language, None, session.channels[language], "asked")
        return self.notify(present, except_for=except_for)

    def lease_message(
        self, session: Session, language: str, connection_id: str, reason: LeaseReason
    ) -> InterpreterLease:
        """What an interpreter has of a language in `session`: a lease that has run out by now, if
        that is nothing any more.
        """
        now = self._clock.now_ms()
        channel = session.channels[language]
        lease = lease_of(language, channel, connection_id, now)
        if lease is None:
            others = len(live_standbys(channel, now))
            lease = Lease(language=language, holds=False, standbys=others, lease_until=now)
        return InterpreterLease(session_id=session.session_id, lease=lease, reason=reason)


def with_pending_channel(session: Session, language: str, channel: Channel) -> Session:
    """The session with another interpreter of a language, of whom the members are to be told."""
    return session.with_channel(language, channel).with_pending_notification(
        channel_subject(language), channel.epoch
    )


def _source_of(channel: Channel | None) -> ChannelSource:
    return channel.source if channel is not None and channel.connection_id else "floor"
