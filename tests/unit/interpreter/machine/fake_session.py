"""In-memory session with seats, leases by the protocol's rules, and a floor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from client.errors import (
    ClientError,
    ConnectionLostError,
    RequestRefusedError,
    UnavailableError,
)
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    CaptionReceived,
    Disconnected,
    Event,
    Notification,
    Reconnected,
)
from client.protocol.session_state import SessionState
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import InterpreterSource, Lease, LeaseReason, Renders
from shared.models.terms import ChannelSource, Role
from shared.protocol.interpretation_messages import Caption, InterpreterLease, SendCaption
from shared.protocol.messages import (
    Audio,
    BroadcastStateChanged,
    SessionEnded,
    SessionJoined,
    SessionLeft,
    SessionStatus,
)
from tests.helpers.virtual_time import VirtualTime

SESSION = "golden-eagle-427"
LOUD, QUIET = b"\x00\x20", b"\x00\x00"


def refused(code: str, *, retryable: bool = False) -> RequestRefusedError:
    return RequestRefusedError(code, 409, "m", retryable=retryable)


@dataclass(frozen=True)
class SentChunk:
    """A chunk delivered to the listeners of a language."""

    language: str
    epoch: int
    seq: int
    timestamp: int
    audio: bytes
    renders: Renders | None
    at_ms: float
    chunk_ms: int | None = None


class FakeSession:
    """Fake session. `distribution` sets its listeners; output is in `sent`."""

    def __init__(self, time: VirtualTime, audio_format: AudioFormat | None = None) -> None:
        self.time = time
        self.format = audio_format or AudioFormat()
        self.distribution: dict[str, int] = {}
        self.sent: list[SentChunk] = []
        self.refused_chunks = 0
        self.captions: list[SendCaption] = []
        self.seats: list[FakeSeat] = []
        self.holders: dict[str, FakeSeat | None] = {}  # None: a person
        self.epochs: dict[str, int] = {}
        self.broadcast = BroadcastState()
        self.over = False
        self.opened = 0
        self.join_faults: list[ClientError] = []
        self.status_faults: list[ClientError] = []
        self.history: list[tuple[str, str]] = []  # requests and their languages
        self._seq = 0
        self.speaker_clock_ahead_ms = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[FakeSeat]:
        self.opened += 1
        seat = FakeSeat(self)
        try:
            yield seat
        finally:
            self.remove(seat)

    async def speak(self, *pattern: tuple[bytes, float], epoch: int = 1) -> None:
        """Send floor audio in real time: (sample, seconds) pairs, loud or quiet."""
        pcm = b"".join(
            sample * round(seconds * self.format.sample_rate) for sample, seconds in pattern
        )
        size = self.format.chunk_bytes
        for at in range(0, len(pcm), size):
            await self.time.advance(self.format.chunk_ms / 1000)
            self.chunk(pcm[at : at + size].ljust(size, b"\0"), epoch)
        await self.time.settle()

    def chunk(self, pcm: bytes, epoch: int = 1) -> Audio:
        """Deliver one floor chunk to all seats."""
        audio = Audio(
            session_id=SESSION,
            language="en",
            epoch=epoch,
            seq=self._seq,
            timestamp=self.time.now_ms() - self.format.chunk_ms + self.speaker_clock_ahead_ms,
            audio=pcm,
        )
        self._seq += 1
        self.deliver(audio)
        return audio

    def deliver(self, audio: Audio) -> None:
        if self.broadcast.is_broadcasting():
            for seat in self.seats:
                seat.push(AudioReceived(audio, float(self.time.now_ms())))

    def holder(self, language: str) -> FakeSeat | None:
        return self.holders.get(language)

    def standbys(self, language: str) -> list[FakeSeat]:
        return [
            seat
            for seat in self.seats
            if seat.language == language and self.holders.get(language) is not seat
        ]

    def grant(self, language: str, seat: FakeSeat | None, reason: LeaseReason) -> None:
        """Grant the lease to a seat, or to a person (None)."""
        former = self.holders.get(language)
        self.epochs[language] = self.epochs.get(language, 0) + 1
        self.holders[language] = seat
        for affected in (former, seat):
            if affected is not None:
                affected.notify_lease(reason)

    def release(self, language: str, reason: LeaseReason = "left") -> None:
        """Release the lease, and promote the first stand-by if there is one."""
        former = self.holders.pop(language, None)
        standbys = [seat for seat in self.standbys(language) if seat is not former]
        if standbys:
            self.grant(language, standbys[0], "promoted")
        if former is not None:
            former.notify_lease(reason)

    def remove(self, seat: FakeSeat) -> None:
        if seat in self.seats:
            self.seats.remove(seat)
            if self.holders.get(seat.language) is seat:
                self.release(seat.language)

    def pause(self, *, paused: bool) -> None:
        self.broadcast = msgspec.structs.replace(
            self.broadcast, is_paused=paused, last_state_change=self.time.now_ms()
        )
        change = BroadcastStateChanged(session_id=SESSION, broadcast_state=self.broadcast)
        for seat in self.seats:
            seat.push(Notification(change))

    def end(self) -> None:
        self.over = True
        for seat in self.seats:
            seat.push(Notification(SessionEnded(session_id=SESSION, reason="ended")))

    def status(self) -> SessionStatus:
        channels: dict[str, ChannelSource] = {
            language: "human" if seat is None else "machine"
            for language, seat in self.holders.items()
        }
        return SessionStatus(
            session_id=SESSION,
            listener_count=sum(self.distribution.values()),
            language_distribution=dict(self.distribution),
            session_duration=1,
            broadcast_state=self.broadcast,
            timestamp=self.time.now_ms(),
            update_reason="requested",
            channels=channels,
        )


class FakeSeat:
    """Fake connection to the session, which tests can break and restore."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.language = ""
        self.state: SessionState | None = None
        self.disconnected = False
        self.blocked = False  # sending chunks never returns
        self._kept: SessionState | None = None
        self._events: asyncio.Queue[Event | ClientError] = asyncio.Queue()

    def now_ms(self) -> float:
        return float(self.session.time.now_ms())

    def push(self, event: Event) -> None:
        if self.state is not None:
            self.state = self.state.with_broadcast(self.session.broadcast)
        self._events.put_nowait(event)

    def notify_lease(self, reason: LeaseReason) -> None:
        if self.state is None:
            return
        lease = self.lease()
        self.state = self.state.with_lease(lease)
        self.push(Notification(InterpreterLease(session_id=SESSION, lease=lease, reason=reason)))

    def lease(self) -> Lease:
        session, holds = self.session, self.session.holders.get(self.language) is self
        return Lease(
            language=self.language,
            holds=holds and self.language in session.holders,
            standbys=len(session.standbys(self.language)),
            lease_until=session.time.now_ms() + 2_500,
            epoch=session.epochs.get(self.language) if holds else None,
        )

    def disconnect(self) -> None:
        """Lose the connection, until `reconnect`."""
        self.disconnected, self._kept, self.state = True, self.state, None
        self.push(Disconnected("lost", 60))
        self.session.remove(self)

    def reconnect(self) -> None:
        """Restore the connection and its seat."""
        assert self._kept is not None
        self.disconnected, self.state = False, self._kept
        self._take_seat()
        self.push(Reconnected(self._joined(), 1.0))

    def fail(self, fault: ClientError) -> None:
        """Lose the connection permanently."""
        self.state = None
        self._events.put_nowait(fault)
        self.session.remove(self)

    async def join(
        self,
        session_id: str,
        language: str,
        role: Role = "listener",
        resume_token: str | None = None,
        *,
        standby: bool = False,
        source: InterpreterSource | None = None,
        ticket: str | None = None,
    ) -> SessionJoined:
        session = self.session
        session.history.append(("join", language))
        assert (session_id, role, standby, source) == (SESSION, "interpreter", True, "machine")
        if session.join_faults:
            raise session.join_faults.pop(0)
        if session.over:
            raise refused("SESSION_ENDED")
        if language == "en":
            raise refused("INVALID_LANGUAGE")
        self.language = language
        self.state = SessionState(
            session_id=SESSION,
            role="interpreter",
            source_language="en",
            target_language=language,
            audio_format=session.format,
            broadcast_state=session.broadcast,
            connection_expires_at=session.time.now_ms() + 7_200_000,
            resume_token="secret",
        )
        self._take_seat()
        return self._joined()

    def _take_seat(self) -> None:
        session = self.session
        session.seats.append(self)
        if self.language not in session.holders:
            session.epochs[self.language] = session.epochs.get(self.language, 0) + 1
            session.holders[self.language] = self
        assert self.state is not None
        self.state = self.state.with_lease(self.lease())

    def _joined(self) -> SessionJoined:
        return SessionJoined(
            session_id=SESSION,
            role="interpreter",
            target_language=self.language,
            source_language="en",
            audio_format=self.session.format,
            broadcast_state=self.session.broadcast,
            channel_source="machine",
            channels={},
            speaker_connected=True,
            resumed=False,
            connection_expires_at=0,
            resume_token="secret",
            lease=self.lease(),
        )

    async def leave(self) -> SessionLeft:
        self.session.history.append(("leave", self.language))
        self.state = None
        self.session.remove(self)
        return SessionLeft(session_id=SESSION)

    async def take_over(self) -> InterpreterLease:
        self.session.history.append(("takeOver", self.language))
        if self.session.holders.get(self.language, self) is None:
            raise refused("FORBIDDEN")
        self.session.grant(self.language, self, "takenOver")
        return InterpreterLease(session_id=SESSION, lease=self.lease(), reason="asked")

    async def hand_over(self) -> InterpreterLease:
        self.session.history.append(("handOver", self.language))
        standbys = self.session.standbys(self.language)
        if not standbys:
            raise refused("NO_STANDBY")
        self.session.grant(self.language, standbys[0], "handedOver")
        return InterpreterLease(session_id=SESSION, lease=self.lease(), reason="asked")

    async def session_status(
        self, session_id: str | None = None, ticket: str | None = None
    ) -> SessionStatus:
        assert session_id == SESSION
        if self.session.status_faults:
            raise self.session.status_faults.pop(0)
        if self.session.over:
            raise refused("SESSION_ENDED")
        return self.session.status()

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        session = self.session
        if self.blocked:
            await asyncio.Event().wait()
        if self.disconnected or self.state is None:
            raise UnavailableError
        if session.holders.get(self.language) is not self:
            session.refused_chunks += 1
            self.push(AudioRefused(seq, refused("FORBIDDEN")))
            return
        session.sent.append(
            SentChunk(
                self.language,
                session.epochs[self.language],
                seq,
                timestamp,
                audio,
                renders,
                session.time.ms,
                chunk_ms,
            )
        )

    async def send_caption(self, caption: SendCaption) -> None:
        if self.disconnected:
            raise UnavailableError
        self.session.captions.append(caption)
        if caption.language == "en":
            for seat in self.session.seats:
                if seat is not self:
                    seat.push(CaptionReceived(_pushed(caption)))

    async def events(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            if isinstance(event, ClientError):
                raise event
            yield event


def _pushed(caption: SendCaption) -> Caption:
    assert caption.language is not None
    return Caption(
        session_id=SESSION,
        language=caption.language,
        text=caption.text,
        final=caption.final,
        epoch=1,
        timestamp=caption.timestamp,
        end_timestamp=caption.end_timestamp,
    )


CONNECTION_LOST = ConnectionLostError("the connection broke off")
