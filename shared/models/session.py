"""A session: one speaker's floor, its channels of other languages, and its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import Interpretation, InterpreterSource
from shared.models.interpreter_run import InterpreterRun
from shared.models.terms import ChannelSource, EndReason

# Languages in use by a session's listeners, beside the speaker's and those with an interpreter.
MAX_LANGUAGES = 100


class SessionStatus(StrEnum):
    """A session is active until it is ended, and never again."""

    ACTIVE = "active"
    ENDED = "ended"


# How long an interpreter is believed to be there without a sign of life (ms); it gives one each
# second.
LEASE_MS = 2_500
# How long the connection that gave its seat over may still be heard (ms): protocol, rule 13.
OVERLAP_MS = 2_000


@dataclass(frozen=True, slots=True)
class FormerSource:
    """The connection that a source has just rolled over from, with the epoch that it had."""

    connection_id: str
    epoch: int
    until: int

    def may_send(self, connection_id: str, present_epoch: int, at_ms: int) -> bool:
        """Whether that connection is still heard at `at_ms` beside the present one.

        Only next to the epoch that followed its own: whoever took the source over since then has
        displaced it too.
        """
        return (
            connection_id == self.connection_id
            and present_epoch == self.epoch + 1
            and at_ms <= self.until
        )


@dataclass(frozen=True, slots=True)
class Standby:
    """An interpreter who waits for a language, since when, and until when that is believed without
    a sign of life (ms since the epoch).
    """

    source: InterpreterSource
    since: int
    lease_until: int


@dataclass(frozen=True, slots=True)
class Channel:
    """Another language of a session.

    Without a `connection_id` nobody interprets it now; `epoch` outlives its holders, so that a
    former source can never pass for the present one. The holder's lease runs until `lease_until`,
    and it was last heard at `heard_at` (ms since the epoch). `standbys`, by connection id, wait.
    """

    epoch: int
    source: InterpreterSource = "human"
    connection_id: str | None = None
    former: FormerSource | None = None
    lease_until: int = 0
    heard_at: int = 0
    standbys: Mapping[str, Standby] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioSource:
    """What a connection may send: the language and the epoch of the channel that it holds."""

    language: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Session:
    """One row of the sessions table; times are ms since the epoch.

    `grace_until` is there while the speaker is away: until then the owner may come back.
    `audible_since` is when audio last began to be delivered after a pause or a mute.
    `language_counts` has the languages in use, and others at zero; `removed_languages` is how
    many were removed from it to make room. `channels_epoch` is the highest epoch of the channels
    that were.
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
    removed_languages: int = 0
    channels: Mapping[str, Channel] = field(default_factory=dict)
    channels_epoch: int = 0
    audible_since: int = 0
    grace_until: int | None = None
    former_speaker: FormerSource | None = None
    end_reason: EndReason | None = None
    # Of sessions that machines interpret; whoever has the ticket of this hash may interpret them.
    interpretation: Interpretation | None = None
    ticket_hash: str | None = field(default=None, repr=False)
    interpreter_run: InterpreterRun | None = None
    # Of sessions by link: the hash of the secret in their link.
    secret_hash: str | None = field(default=None, repr=False)
    # What may not have been told to the members yet: of each subject which version.
    pending_notifications: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """False once the session has ended."""
        return self.status is SessionStatus.ACTIVE

    @property
    def speaker_connected(self) -> bool:
        """False while the speaker is away, for good or to come back."""
        return self.is_active and self.grace_until is None

    def has_floor(self, connection_id: str) -> bool:
        """Whether the connection is the session's speaker now, and not away."""
        return connection_id == self.speaker_connection_id and self.grace_until is None

    def source_of(self, connection_id: str, at_ms: int) -> AudioSource | None:
        """What the connection sends: the floor, a language, or (None) nothing at all.

        `at_ms` decides whether a connection that was rolled over from is still heard.
        """
        if self.has_floor(connection_id):
            return AudioSource(self.source_language, self.speaker_epoch)
        if self.grace_until is None:
            former = self.former_speaker
            if former and former.may_send(connection_id, self.speaker_epoch, at_ms):
                return AudioSource(self.source_language, former.epoch)
        for language, channel in self.channels.items():
            if channel.connection_id is None:
                continue
            if channel.connection_id == connection_id:
                return AudioSource(language, channel.epoch)
            former = channel.former
            if former and former.may_send(connection_id, channel.epoch, at_ms):
                return AudioSource(language, former.epoch)
        return None

    @property
    def first_epoch(self) -> int:
        """The epoch of a new channel: higher than any that its language may have had."""
        return self.channels_epoch + 1

    def with_channel(self, language: str, channel: Channel) -> Session:
        """The session with another channel of a language."""
        return replace(self, channels={**self.channels, language: channel})

    def ended(self, reason: EndReason) -> Session:
        """The session once it is over."""
        return replace(self, status=SessionStatus.ENDED, end_reason=reason, grace_until=None)

    def with_speaker(self, connection_id: str, epoch: int) -> Session:
        """The session with another speaker, who is there."""
        return replace(
            self, speaker_connection_id=connection_id, speaker_epoch=epoch, grace_until=None
        )

    def with_pending_notification(self, subject: str, version: int) -> Session:
        """The session with something that its members are to be told."""
        return replace(self, pending_notifications={**self.pending_notifications, subject: version})

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

    @property
    def floor_captioner(self) -> str | None:
        """The language whose machine captions the floor: of several, all of which recognise it,
        only one is to say what it heard.
        """
        return min(
            (name for name, source in self.interpreted().items() if source == "machine"),
            default=None,
        )

    def epoch_of(self, language: str) -> int | None:
        """The epoch of whoever sends `language` now; None if nobody does."""
        if language == self.source_language:
            return self.speaker_epoch
        channel = self.channels.get(language)
        return channel.epoch if channel and channel.connection_id else None
