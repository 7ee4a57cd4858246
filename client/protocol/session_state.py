"""A client's view of its session, and how messages change it. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from client.protocol.floor import Floor
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import InterpreterSource, Lease
from shared.models.terms import ChannelSource, Role
from shared.protocol.interpretation_messages import Caption, InterpreterLease
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import (
    Audio,
    BroadcastStateChanged,
    ChannelSourceChanged,
    ConnectionTimeout,
    HeartbeatAck,
    LanguageChanged,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionLeft,
    SpeakerDisconnected,
    SpeakerReconnected,
)


@dataclass(frozen=True, slots=True)
class JoinCredentials:
    """How a client joined, besides its token: the kind of interpreter, ticket and secret."""

    source: InterpreterSource | None = None
    ticket: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A seat in a session; times are ms since the epoch."""

    session_id: str
    role: Role
    source_language: str
    target_language: str
    audio_format: AudioFormat
    broadcast_state: BroadcastState
    connection_expires_at: int
    resume_token: str = field(repr=False)  # secret: keep out of logs
    channel_source: ChannelSource = "floor"
    channels: Mapping[str, ChannelSource] = field(default_factory=dict)
    floor: Floor = field(default_factory=Floor)
    epoch: int | None = None
    lease: Lease | None = None  # an interpreter's; None if the service has sent none
    credentials: JoinCredentials = field(default_factory=JoinCredentials)
    # Latest change of each language's channel: its epoch, and whether it fell back to the floor.
    # Within an epoch the floor follows the interpreter. Audio of a lower epoch is dropped.
    changes: Mapping[str, tuple[int, bool]] = field(default_factory=dict)

    @property
    def speaker_connected(self) -> bool:
        """Whether the speaker is connected, as far as known."""
        return self.floor.connected

    @property
    def audio_language(self) -> str | None:
        """Language of the audio that this client receives; None for a speaker."""
        if self.role == "speaker":
            return None
        if self.role == "interpreter" or self.channel_source == "floor":
            return self.source_language
        return self.target_language

    @property
    def holds(self) -> bool:
        """Whether this client holds its language's channel, as far as known."""
        return self.role == "interpreter" and (self.lease is None or self.lease.holds)

    def with_lease(self, lease: Lease) -> SessionState:
        """Return the state with this client's lease updated."""
        if self.role != "interpreter" or lease.language != self.target_language:
            return self
        return replace(self, lease=lease, epoch=lease.epoch)

    def accepts(self, message: Audio | Caption) -> bool:
        """Return whether a chunk or caption is for this client's present seat (PROTOCOL rule 5).

        It need not be of the newest epoch: two epochs overlap for two seconds. The jitter buffer
        and the caption track sort them out.
        """
        return (
            message.session_id == self.session_id
            and message.language == self.audio_language
            and message.epoch >= self.changes.get(message.language, (0, False))[0]
        )

    def is_stale(self, state: BroadcastState) -> bool:
        """Return whether a broadcast state is not newer than the known one."""
        return state.last_state_change <= self.broadcast_state.last_state_change

    def with_broadcast(self, state: BroadcastState) -> SessionState:
        """Return the state after a pause, mute or volume change."""
        return self if self.is_stale(state) else replace(self, broadcast_state=state)

    def with_source(self, change: ChannelSourceChanged) -> SessionState:
        """Return the state after a language's channel changed its source."""
        version = (change.epoch, change.to_source == "floor")
        if version <= self.changes.get(change.language, (0, False)):
            return self  # known, or older than the known change
        ours = change.language == self.target_language
        return replace(
            self,
            channels={**self.channels, change.language: change.to_source},
            channel_source=change.to_source if ours else self.channel_source,
            changes={**self.changes, change.language: version},
        )


def next_state(
    state: SessionState | None, message: ServerMessage, received_at_ms: float
) -> SessionState | None:
    """Return the state after a message."""
    match message:
        case SessionCreated():
            return _created(message)
        case SessionJoined():
            return _joined(message)
        case SessionEnded() | SessionLeft():
            return None
        case ConnectionTimeout(timestamp=timestamp) if state:
            # The service closes the connection next, as it does when its time is up.
            return replace(state, connection_expires_at=timestamp)
        case _:
            return _changed(state, message, received_at_ms) if state else None


def _changed(state: SessionState, message: ServerMessage, at_ms: float) -> SessionState:
    match message:
        case LanguageChanged():
            return replace(
                state,
                target_language=message.target_language,
                channel_source=message.channel_source,
            )
        case BroadcastStateChanged():
            return state.with_broadcast(message.broadcast_state)
        case ChannelSourceChanged():
            return state.with_source(message)
        case InterpreterLease(lease=lease) | HeartbeatAck(lease=Lease() as lease):
            return state.with_lease(lease)
        case _:
            return _with_floor(state, message, at_ms)


def _with_floor(state: SessionState, message: ServerMessage, at_ms: float) -> SessionState:
    """Apply what a message says about the speaker's presence."""
    match message:
        case Audio() if message.language == state.source_language:
            floor = state.floor.audio_received(message.epoch, at_ms)
            return state if floor is state.floor else replace(state, floor=floor)
        case SpeakerDisconnected():
            return replace(state, floor=state.floor.disconnected(at_ms))
        case SpeakerReconnected():
            return replace(state, floor=state.floor.reconnected())
        case _:
            return state


def _created(reply: SessionCreated) -> SessionState:
    return SessionState(
        session_id=reply.session_id,
        role="speaker",
        source_language=reply.source_language,
        target_language=reply.source_language,
        audio_format=reply.audio_format,
        broadcast_state=reply.broadcast_state,
        connection_expires_at=reply.connection_expires_at,
        resume_token=reply.resume_token,
        epoch=reply.epoch,
    )


def _joined(reply: SessionJoined) -> SessionState:
    return SessionState(
        session_id=reply.session_id,
        role=reply.role,
        source_language=reply.source_language,
        target_language=reply.target_language,
        audio_format=reply.audio_format,
        broadcast_state=reply.broadcast_state,
        connection_expires_at=reply.connection_expires_at,
        resume_token=reply.resume_token,
        channel_source=reply.channel_source,
        channels=reply.channels,
        floor=Floor(connected=reply.speaker_connected),
        epoch=reply.epoch,
        lease=reply.lease,
    )
