"""The messages of sessions: who speaks, listens and interprets, and what is heard.

Types are checked by decoding; domains (a language code, a chunk's size) by
`shared.utils.validators`.
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
from shared.models.terms import ChannelSource, EndReason, Role, UpdateReason
from shared.protocol.message_base import Reply, Request, ServerMessage

CloseReason = Literal["idle"]
# How listeners get into a session: by its id, or by a link that carries a secret too.
SessionAccess = Literal["code", "link"]
Secret = Annotated[str, msgspec.Meta(max_length=256)]


class RequestedAudioFormat(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An audio format as asked for: well-typed, its values not yet checked."""

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
    """Join a session as listener or interpreter of a language, or as its owner coming back."""

    session_id: str
    target_language: str
    role: Role = "listener"
    # Of sessions by link.
    secret: Secret | None = None
    resume_token: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    # Of interpreters: whether to wait if the language has one, who speaks, and by which right if
    # not by a token's.
    standby: bool = False
    source: InterpreterSource | None = None
    ticket: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class SendAudio(Request, frozen=True, kw_only=True):
    """One chunk of the floor (speaker) or of the own language (interpreter)."""

    seq: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    timestamp: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    audio: bytes
    renders: Renders | None = None


class EndSession(Request, frozen=True, kw_only=True):
    """The speaker ends the session for everyone."""


class BroadcastControl(Request, frozen=True, kw_only=True):
    """Base of the speaker's controls, which BroadcastStateChanged answers."""


class PauseBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker stops all audio of the session for a while."""


class ResumeBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker goes on after a pause."""


class MuteBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker silences the session."""


class UnmuteBroadcast(BroadcastControl, frozen=True, kw_only=True):
    """The speaker lets the session be heard again."""


class SetVolume(BroadcastControl, frozen=True, kw_only=True):
    """The speaker sets how loud receivers play, 0.0-1.0."""

    volume: float


class ChangeLanguage(Request, frozen=True, kw_only=True):
    """A listener hears another language from now on."""

    target_language: str


class LeaveSession(Request, frozen=True, kw_only=True):
    """A listener or interpreter leaves; the connection stays open."""


class GetSessionStatus(Request, frozen=True, kw_only=True):
    """The speaker or an interpreter asks who listens; an interpreter who sits nowhere yet names the
    session, and may have a ticket in place of a token.
    """

    session_id: str | None = None
    ticket: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    secret: Secret | None = None


class Heartbeat(Request, frozen=True, kw_only=True):
    """Keeps a silent connection alive and yields both clocks."""

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


class SessionEnded(Reply, frozen=True, kw_only=True):
    session_id: str
    reason: EndReason


class BroadcastStateChanged(Reply, frozen=True, kw_only=True):
    """The speaker paused, muted or changed the volume, or the contrary."""

    session_id: str
    broadcast_state: BroadcastState


class SessionLeft(Reply, frozen=True, kw_only=True):
    session_id: str


class LanguageChanged(Reply, frozen=True, kw_only=True):
    session_id: str
    target_language: str
    channel_source: ChannelSource


class SessionStatus(Reply, frozen=True, kw_only=True):
    """How many listen, in which languages; `session_duration` is in seconds. Names nobody."""

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
    action: str | None = None


class Audio(ServerMessage, frozen=True, kw_only=True, omit_defaults=True):
    """One chunk as delivered; `language` is that of the sound, `renders` what it interprets."""

    session_id: str
    language: str
    epoch: int
    seq: int
    timestamp: int
    audio: bytes
    renders: Renders | None = None


class ChannelSourceChanged(ServerMessage, frozen=True, kw_only=True):
    """Whom the listeners of `language` hear has changed."""

    session_id: str
    language: str
    from_source: ChannelSource = msgspec.field(name="from")
    to_source: ChannelSource = msgspec.field(name="to")
    epoch: int


class SpeakerDisconnected(ServerMessage, frozen=True, kw_only=True):
    """The speaker is away, and has this long to come back before the session ends."""

    session_id: str
    grace_seconds: int


class SpeakerReconnected(ServerMessage, frozen=True, kw_only=True):
    """The owner took the floor on another connection; `epoch` is the floor's new one."""

    session_id: str
    epoch: int


class ConnectionTimeout(ServerMessage, frozen=True, kw_only=True):
    """The connection has been silent for so long (s) that it is closed next."""

    reason: CloseReason = "idle"
    idle_seconds: int
    timestamp: int
