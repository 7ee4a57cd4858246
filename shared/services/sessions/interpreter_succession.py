"""Succession of interpreters: a channel passes to a stand-by or back to the floor.

Each handover is one conditional write, followed by notifications.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shared.data_access.interpreter_channels import ChannelConditions, InterpreterChannels
from shared.data_access.interpreter_leases import InterpreterLeases
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

# Why a channel loses its interpreter.
Loss = Literal["expired", "silent", "left", "handedOver"]
# Why a channel changes hands.
Cause = Loss | Literal["takenOver", "asked"]

# The reason sent to the former interpreter; one who left needs none.
_LEASE_REASONS: dict[Cause, LeaseReason] = {
    "expired": "expired",
    "silent": "silent",
    "handedOver": "handedOver",
    "takenOver": "takenOver",
}
# A stand-by that joins meanwhile must not be passed over.
_CONDITIONS = ChannelConditions(standbys_unchanged=True)
# Each lost race means that another write succeeded; this many in a row are a fault. The lease then
# expires by itself.
_ATTEMPTS = 5


class ChannelHandover(msgspec.Struct, frozen=True):
    """A completed handover: the session afterwards, and the channel before and after."""

    session: Session
    language: str
    before: Channel | None
    after: Channel
    cause: Cause


class InterpreterSuccession:
    """Passes channels on: to a human stand-by, else a machine stand-by, else the floor."""

    def __init__(
        self,
        channels: InterpreterChannels,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        notifier: SessionNotifier,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._channels = channels
        self._leases = leases
        self._sessions = sessions
        self._notifier = notifier
        self._clock = clock
        self._telemetry = telemetry

    def pass_on(self, session: Session, language: str, loss: Loss) -> ChannelHandover | None:
        """Pass the channel on from its interpreter in `session`, without notifications.

        Returns None, and writes nothing, if the channel has changed since the session was read. An
        interpreter that renews its lease between the read and the write is replaced, and its next
        heartbeat makes it a stand-by. Raises StoreUnavailableError.
        """
        now = self._clock.now_ms()
        session = self._leases.refresh_standbys(session, language, now)
        before = session.channels[language]
        stays_until = {"silent": before.lease_until, "handedOver": now + LEASE_MS}.get(loss)
        after = promote_next(before, now, stays_until=stays_until)
        if not self._channels.change(
            session.session_id, language, before, after, _CONDITIONS, notify_members=True
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
        """Pass on all channels with expired leases and notify; whether there were any.

        Fallback for sessions whose floor is silent: otherwise the next floor chunk detects expired
        leases. Raises StoreUnavailableError.
        """
        if not session.is_active:
            return False
        found = False
        session = self._leases.refresh_interpreters(session, self._clock.now_ms())
        for language in session.channels:
            if not is_expired(session.channels[language], self._clock.now_ms()):
                continue
            handover = self.pass_on(session, language, "expired")
            if handover is not None:
                self.notify(handover)
                session, found = handover.session, True
        return found

    def leave(self, session_id: str, language: str, connection_id: str) -> None:
        """Give up a connection's place as interpreter or stand-by. Idempotent.

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
            elif self._channels.remove_standby(session_id, language, connection_id):
                return

    def notify(self, handover: ChannelHandover, *, except_for: str | None = None) -> bool:
        """Notify the listeners and both interpreters of a handover.

        `except_for`, which has requested it, and an interpreter who has left get no message. The
        message carries the channel's epoch even when the floor takes over, so that receivers can
        tell which message is the latest. Returns False if the listeners could not be read; the
        notification then stays pending.
        """
        session, language = handover.session, handover.language
        messages: dict[str, InterpreterLease] = {}
        present = handover.after.connection_id
        if present is not None:
            messages[present] = self.lease_message(session, language, present, "promoted")
        former = handover.before.connection_id if handover.before else None
        if former is not None and handover.cause in _LEASE_REASONS:
            messages[former] = self.lease_message(
                session, language, former, _LEASE_REASONS[handover.cause]
            )
        messages.pop(except_for or "", None)
        return self._notifier.channel_source_changed(
            session,
            ChannelSourceChanged(
                session_id=session.session_id,
                language=language,
                from_source=_source_of(handover.before),
                to_source=_source_of(handover.after),
                epoch=handover.after.epoch,
            ),
            messages,
        )

    def notify_again(
        self, session: Session, language: str, *, except_for: str | None = None
    ) -> bool:
        """Repeat the notification of a channel's source, in case it was not sent."""
        present = ChannelHandover(session, language, None, session.channels[language], "asked")
        return self.notify(present, except_for=except_for)

    def lease_message(
        self, session: Session, language: str, connection_id: str, reason: LeaseReason
    ) -> InterpreterLease:
        """Build the lease message to an interpreter.

        Without a place in the channel the message holds an expired lease. Raises
        StoreUnavailableError.
        """
        lease = self.lease(session, language, connection_id)
        if lease is None:
            now = self._clock.now_ms()
            channel = self._leases.refresh_standbys(session, language, now).channels[language]
            others = len(live_standbys(channel, now))
            lease = Lease(language=language, holds=False, standbys=others, lease_until=now)
        return InterpreterLease(session_id=session.session_id, lease=lease, reason=reason)

    def lease(self, session: Session, language: str, connection_id: str) -> Lease | None:
        """Return a connection's lease on a language. None if it has no place in the channel.

        Raises StoreUnavailableError.
        """
        channel = session.channels.get(language)
        if channel is None or not channel.has_place(connection_id):
            return None
        now = self._clock.now_ms()
        present = self._leases.refresh_channel(session, language, now)
        return lease_of(language, present.channels[language], connection_id, now)


def with_pending_channel(session: Session, language: str, channel: Channel) -> Session:
    """Return the session with a new channel state and a pending notification of it."""
    return session.with_channel(language, channel).with_pending_notification(
        channel_subject(language), channel.epoch
    )


def _source_of(channel: Channel | None) -> ChannelSource:
    return channel.source if channel is not None and channel.connection_id else "floor"
