"""Leases on the audio path: floor chunks detect lost interpreters, audio renews leases."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.session import LEASE_MS, AudioSource, Channel, Session
from shared.models.succession_rules import is_expired
from shared.services.sessions.interpreter_succession import (
    ChannelHandover,
    InterpreterSuccession,
    Loss,
)
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# An interpreter's audio renews its lease at most this often (ms).
_RENEWAL_MS = 1_000
# Pause after a database failure before this instance writes the same lease again (ms).
_PAUSE_MS = 1_000
# Maximum gap between chunks of a continuous floor, as one instance sees them (ms).
_FLOOR_GAP_MS = 5_000
_MAX_ENTRIES = 1_024


class _Floor(msgspec.Struct):
    since: int
    last: int


class LeaseWatch:
    """Passes channels on when their interpreter is lost.

    An interpreter is lost when its lease expires. A human interpreter is also lost after
    `silence_ms` without audio while the floor speaks, unless `silence_ms` is 0.
    """

    def __init__(
        self,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        succession: InterpreterSuccession,
        *,
        silence_ms: int,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._leases = leases
        self._sessions = sessions
        self._succession = succession
        self._silence_ms = silence_ms
        self._clock = clock
        self._telemetry = telemetry
        self._retry_at: OrderedDict[tuple[str, str, int], int] = OrderedDict()
        self._floors: OrderedDict[str, _Floor] = OrderedDict()

    def check_leases(self, session: Session) -> tuple[Session, Sequence[ChannelHandover]]:
        """Pass on channels of lost interpreters before a floor chunk is sent.

        Returns the session to send the chunk by, and the handovers for `notify` afterwards. Makes
        no calls while no interpreter is lost, if the session was read with its leases. Lost
        interpreters are no longer heard, even if the write fails.
        """
        now = self._clock.now_ms()
        floor_since = self._floor_since(session, now)
        try:
            session = self._leases.refresh_interpreters(session, now)
        except StoreUnavailableError as error:
            # An unread lease may have been renewed. The next chunk tries again.
            self._telemetry.warn("interpreters' leases not read", cause=error.cause)
            return session, ()
        handovers: list[ChannelHandover] = []
        for language in session.channels:
            channel = session.channels[language]
            loss = self._loss(channel, floor_since, now)
            if loss is None:
                continue
            session, handover = self._replace_lost(session, language, channel, loss, now)
            if handover is not None:
                handovers.append(handover)
        return session, handovers

    def notify(self, handovers: Sequence[ChannelHandover]) -> None:
        """Notify the members of handovers, within the deadline of control pushes."""
        for handover in handovers:
            self._succession.notify(handover)

    def note_audio(self, session: Session, source: AudioSource, connection_id: str) -> None:
        """Renew the lease of an interpreter whose chunk was accepted.

        Writes at most once a second. Never raises: the chunk has been sent.
        """
        channel = session.channels.get(source.language)
        now = self._clock.now_ms()
        if channel is None or channel.connection_id != connection_id:
            return  # the floor, or a connection that was rolled over
        if now - channel.heard_at < _RENEWAL_MS:
            return
        try:
            self._leases.renew(
                connection_id,
                session.session_id,
                source.language,
                until=now + LEASE_MS,
                heard_at=now,
            )
        except StoreUnavailableError as error:
            self._telemetry.warn("lease not renewed by audio", cause=error.cause)

    def _loss(self, channel: Channel, floor_since: int, now: int) -> Loss | None:
        if channel.connection_id is None:
            return None
        if is_expired(channel, now):
            return "expired"
        if not self._silence_ms or channel.source == "machine":
            return None
        # `heard_at` lags behind by up to one renewal interval.
        silent_since = max(channel.heard_at + _RENEWAL_MS, floor_since)
        return "silent" if now - silent_since >= self._silence_ms else None

    def _replace_lost(
        self, session: Session, language: str, channel: Channel, loss: Loss, now: int
    ) -> tuple[Session, ChannelHandover | None]:
        without_source = session.with_channel(language, replace(channel, connection_id=None))
        key = (session.session_id, language, channel.epoch)
        if now < self._retry_at.get(key, 0):
            return without_source, None
        try:
            handover = self._succession.pass_on(session, language, loss)
            if handover is not None:
                return handover.session, handover
            # Another instance was faster: read again.
            latest = self._sessions.get(session.session_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("interpreter handover not written", cause=error.cause)
            self._retry_at[key] = now + _PAUSE_MS
            if len(self._retry_at) > _MAX_ENTRIES:
                self._retry_at.popitem(last=False)
            return without_source, None
        present = latest.channels.get(language) if latest else None
        if present is None or (present.connection_id, present.epoch) == (
            channel.connection_id,
            channel.epoch,
        ):
            # Only the stand-bys have changed; the next chunk tries again.
            return without_source, None
        return session.with_channel(language, present), None

    def _floor_since(self, session: Session, now: int) -> int:
        """Return when the floor began to speak, as seen by this instance."""
        if not self._silence_ms:
            return now
        floor = self._floors.get(session.session_id)
        if floor is None or now - floor.last > _FLOOR_GAP_MS:
            floor = self._floors[session.session_id] = _Floor(now, now)
            if len(self._floors) > _MAX_ENTRIES:
                self._floors.popitem(last=False)
        floor.last = now
        return max(floor.since, session.audible_since)
