"""Messages of sessions: speakers, listeners, interpreters and audio.

Decoding checks types; `shared.utils.validators` checks values (a language code, a chunk's size).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import (
    Interpretation,
    InterpreterSource,
    Lease,
    Renders,
    RequestedInterpretation,
)
from shared.models.recovery import LastHeard
from shared.models.terms import ChannelSource, EndReason, Role, UpdateReason
from shared.protocol.message_base import Reply, Request, ServerMessage

CloseReason = Literal["idle"]
# Listeners join by the session's id, or by a link that also carries a secret.
SessionAccess = Literal["code", "link"]
Secret = Annotated[str, msgspec.Meta(max_length=256)]


class RequestedAudioFormat(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An audio format in a request: the types are checked, the values are not."""

    encoding: str = "pcm_s16le"
    sample_rate: int = 16_000
    channels: int = 1
    chunk_ms: int = 200


class CreateSession(Request, frozen=True, kw_only=True):
    """A speaker opens a session and becomes the source of its floor."""

    source_language: str
    quality_tier: str = "standard"
    audio_format: RequestedAudioFormat | None = None
    max_listeners: Annotated[int, msgspec.Meta(ge=1)] | None = None
    interpreters: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None
    interpretation: RequestedInterpretation | None = None
    access: SessionAccess = "code"


class JoinSession(Request, frozen=True, kw_only=True):
    """Join a session as listener, as interpreter, or as its returning owner."""

    session_id: str
    target_language: str
    role: Role = "listener"
    # For sessions by link.
    secret: Secret | None = None
    resume_token: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    # For interpreters: whether to wait as a stand-by, human or machine, and the ticket that
    # replaces a token.
    standby: bool = False
    source: InterpreterSource | None = None
    ticket: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    # For listeners who return: whether they have missed anything is the reply's `recovered`.
    last: LastHeard | None = None


class SendAudio(Request, frozen=True, kw_only=True):
    """One chunk of the floor (speaker) or of the sender's language (interpreter).

    `chunk_ms` is the duration of a chunk that is longer than the session's.
    """

    seq: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    timestamp: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    audio: bytes
    renders: Renders | None = None
    chunk_ms: int | None = None


class EndSession(Request, frozen=True, kw_only=True):
    """The speaker ends the session for everyone."""


class BroadcastControl(Request, frozen=True, kw_only=True):
    """Base of the speaker's controls, which BroadcastStateChanged answers."""


class PauseBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker pauses all audio of the session."""


class ResumeBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker resumes after a pause."""


class MuteBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker mutes the session."""


class UnmuteBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker unmutes the session."""


class SetVolume(BroadcastControl, frozen=True, kw_only=True):
    """The speaker sets the playback volume of receivers, 0.0-1.0."""

    volume: float


class ChangeLanguage(Request, frozen=True, kw_only=True):
    """A listener switches to another language."""

    target_language: str


class LeaveSession(Request, frozen=True, kw_only=True):
    """A listener or interpreter leaves; the connection stays open."""


class GetSessionStatus(Request, frozen=True, kw_only=True):
    """A speaker or interpreter requests the size of the audience.

    An interpreter who has not joined names the session, and may have a ticket instead of a token.
    """

    session_id: str | None = None
    ticket: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    secret: Secret | None = None


class Heartbeat(Request, frozen=True, kw_only=True):
    """Keep a silent connection alive and compare clocks."""

    client_time: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None


class SessionCreated(Reply, frozen=True, kw_only=True):
    session_id: str
    source_language: str
    quality_tier: str
    audio_format: AudioFormat
    broadcast_state: BroadcastState
    created_at: int
    epoch: int
    connection_expires_at: int
    resume_token: str
    interpretation: Interpretation | None = None
    access: SessionAccess = "code"
    secret: str | None = None


class SessionJoined(Reply, frozen=True, kw_only=True):
    session_id: str
    role: Role
    target_language: str
    source_language: str
    audio_format: AudioFormat
    broadcast_state: BroadcastState
    channel_source: ChannelSource
    channels: dict[str, ChannelSource]
    speaker_connected: bool
    resumed: bool
    connection_expires_at: int
    resume_token: str
    epoch: int | None = None
    lease: Lease | None = None
    recovered: bool | None = None


class SessionEnded(Reply, frozen=True, kw_only=True):
    session_id: str
    reason: EndReason


class BroadcastStateChanged(Reply, frozen=True, kw_only=True):
    """The speaker paused, resumed, muted, unmuted or set the volume."""

    session_id: str
    broadcast_state: BroadcastState


class SessionLeft(Reply, frozen=True, kw_only=True):
    session_id: str


class LanguageChanged(Reply, frozen=True, kw_only=True):
    session_id: str
    target_language: str
    channel_source: ChannelSource


class SessionStatus(Reply, frozen=True, kw_only=True):
    """Anonymous audience counts by language; `session_duration` is in seconds."""

    session_id: str
    listener_count: int
    language_distribution: dict[str, int]
    session_duration: int
    broadcast_state: BroadcastState
    timestamp: int
    update_reason: UpdateReason
    channels: dict[str, ChannelSource] = msgspec.field(default_factory=dict)


class HeartbeatAck(Reply, frozen=True, kw_only=True):
    timestamp: int
    client_time: int | None = None
    lease: Lease | None = None


class ErrorMessage(Reply, frozen=True, kw_only=True, tag="error"):
    status: int
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | None = None
    action: str | None = None


class Audio(ServerMessage, frozen=True, kw_only=True, omit_defaults=True):
    """A delivered chunk.

    `language` is the audio's, `renders` says what it interprets. `chunk_ms` is set if it is longer
    than the session's chunks.
    """

    session_id: str
    language: str
    epoch: int
    seq: int
    timestamp: int
    audio: bytes
    renders: Renders | None = None
    chunk_ms: int | None = None


class AudioFormatHint(ServerMessage, frozen=True, kw_only=True):
    """The source should send chunks of this duration, until another hint."""

    session_id: str
    chunk_ms: int


class ChannelSourceChanged(ServerMessage, frozen=True, kw_only=True):
    """The source that listeners of `language` hear has changed."""

    session_id: str
    language: str
    from_source: ChannelSource = msgspec.field(name="from")
    to_source: ChannelSource = msgspec.field(name="to")
    epoch: int


class SpeakerDisconnected(ServerMessage, frozen=True, kw_only=True):
    """The speaker disconnected, and has `grace_seconds` to come back."""

    session_id: str
    grace_seconds: int


class SpeakerReconnected(ServerMessage, frozen=True, kw_only=True):
    """The owner took the floor on another connection; `epoch` is the floor's."""

    session_id: str
    epoch: int


class ConnectionTimeout(ServerMessage, frozen=True, kw_only=True):
    """The connection was idle for `idle_seconds` and is about to be closed."""

    reason: CloseReason = "idle"
    idle_seconds: int
    timestamp: int
