"""Leases as the audio path sees them: one that has run out is noticed by the floor's next chunk,
and whoever sends audio is alive.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
# After the database has failed, this instance does not try again to write of the same lease
# before (ms).
_PAUSE_MS = 1_000
# The floor speaks on while its chunks come this close (ms), as one instance sees them.
_FLOOR_GAP_MS = 5_000
_MAX_ENTRIES = 1_024


@dataclass(slots=True)
class _Floor:
    since: int
    last: int


class LeaseWatch:
    """Passes languages on whose interpreter is lost.

    A person who has not been heard for `silence_ms` while the floor speaks is lost as well, unless
    that is 0.
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
        """The session by which a chunk of the floor goes, and what `tell` has to tell once the
        chunk is sent.

        Costs nothing while nobody is lost. Who is lost is not heard from here on, whether or not
        that could be written.
        """
        now = self._clock.now_ms()
        floor_since = self._floor_since(session, now)
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
        """Tell everybody concerned; bounded by the deadline of control pushes."""
        for handover in handovers:
            self._succession.notify(handover)

    def note_audio(self, session: Session, source: AudioSource, connection_id: str) -> None:
        """An interpreter's chunk has been accepted: that is a sign of life. Writes once a second
        at most; never raises, as the chunk is out.
        """
        channel = session.channels.get(source.language)
        now = self._clock.now_ms()
        if channel is None or channel.connection_id != connection_id:
            return  # the floor, or who has rolled over
        if now - channel.heard_at < _RENEWAL_MS:
            return
        try:
            self._leases.renew(
                session.session_id,
                source.language,
                connection_id,
                source.epoch,
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
        # What was heard within a second of what is written was not written.
        silent_since = max(channel.heard_at + _RENEWAL_MS, floor_since)
        return "silent" if now - silent_since >= self._silence_ms else None

    def _replace_lost(
        self, session: Session, language: str, channel: Channel, loss: Loss, now: int
    ) -> tuple[Session, ChannelHandover | None]:
        unheard = session.with_channel(language, replace(channel, connection_id=None))
        key = (session.session_id, language, channel.epoch)
        if now < self._retry_at.get(key, 0):
            return unheard, None
        try:
            handover = self._succession.pass_on(session, language, loss)
            if handover is not None:
                return handover.session, handover
            # Another instance was first, or the interpreter is back: one read says which.
            present = self._sessions.get(session.session_id)
        except StoreUnavailableError as error:
            self._telemetry.warn("lost interpreter not written", cause=error.cause)
            self._retry_at[key] = now + _PAUSE_MS
            if len(self._retry_at) > _MAX_ENTRIES:
                self._retry_at.popitem(last=False)
            return unheard, None
        if present is None or present.channels.get(language) == channel:
            return unheard, None  # only who waits has changed; the next chunk tries again
        return session.with_channel(language, present.channels[language]), None

    def _floor_since(self, session: Session, now: int) -> int:
        """Since when the floor has been speaking, as far as this instance knows."""
        if not self._silence_ms:
            return now
        floor = self._floors.get(session.session_id)
        if floor is None or now - floor.last > _FLOOR_GAP_MS:
            floor = self._floors[session.session_id] = _Floor(now, now)
            if len(self._floors) > _MAX_ENTRIES:
                self._floors.popitem(last=False)
        floor.last = now
        return max(floor.since, session.audible_since)
