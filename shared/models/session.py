"""A session: one speaker's floor, its channels of other languages, and its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.messages import ChannelSource, EndReason

MAX_LANGUAGES = 100


class SessionStatus(StrEnum):
    """A session is active until it is ended, and never again."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Channel:
    """Another language of a session.

    Without a `connection_id` nobody interprets it now; `epoch` outlives its holders, so that a
    former source can never pass for the present one.
    """

    epoch: int
    source: ChannelSource = "human"
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class AudioSource:
    """What a connection may send: the language and the epoch of the channel that it holds."""

    language: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Session:
    """One row of the sessions table; times are ms since the epoch.

    `grace_until` is there while the speaker is away: until then the owner may come back.
    """

    session_id: str
    owner: str
    speaker_connection_id: str
    speaker_epoch: int
    source_language: str
    quality_tier: str
    audio_format: AudioFormat
    created_at: int
    max_listeners: int
    status: SessionStatus = SessionStatus.ACTIVE
    broadcast_state: BroadcastState = field(default_factory=BroadcastState)
    interpreters: frozenset[str] | None = None
    listener_count: int = 0
    language_counts: Mapping[str, int] = field(default_factory=dict)
    languages_seen: frozenset[str] = frozenset()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    grace_until: int | None = None
    end_reason: EndReason | None = None

    @property
    def is_active(self) -> bool:
        """False once the session has ended."""
        return self.status is SessionStatus.ACTIVE

    @property
    def speaker_connected(self) -> bool:
        """False while the speaker is away, for good or to come back."""
        return self.is_active and self.grace_until is None

    def source_of(self, connection_id: str) -> AudioSource | None:
        """What the connection sends: the floor, a language, or (None) nothing at all."""
        if connection_id == self.speaker_connection_id and self.grace_until is None:
            return AudioSource(self.source_language, self.speaker_epoch)
        for language, channel in self.channels.items():
            if channel.connection_id == connection_id:
                return AudioSource(language, channel.epoch)
        return None

    def interpreted(self) -> dict[str, ChannelSource]:
        """The languages that have an interpreter now, with its kind."""
        return {
            language: channel.source
            for language, channel in self.channels.items()
            if channel.connection_id is not None
        }

    def channel_source(self, language: str) -> ChannelSource:
        """Whom a listener of `language` hears: its interpreter, or else the floor."""
        channel = self.channels.get(language)
        return channel.source if channel and channel.connection_id else "floor"

    def epoch_of(self, language: str) -> int | None:
        """The epoch of whoever sends `language` now; None if nobody does."""
        if language == self.source_language:
            return self.speaker_epoch
        channel = self.channels.get(language)
        return channel.epoch if channel and channel.connection_id else None
