"""A session: floor, channels of other languages, and listener counters."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.hidden_fields import repr_without
from shared.models.interpretation import Interpretation, InterpreterSource
from shared.models.interpreter_run import InterpreterRun
from shared.models.terms import ChannelSource, EndReason

# Maximum languages in use by a session's listeners, besides the speaker's and interpreted ones.
MAX_LANGUAGES = 100


class SessionLifecycle(StrEnum):
    """Status of a session. An ended session never becomes active again."""

    ACTIVE = "active"
    ENDED = "ended"


# Lease of an interpreter (ms). Interpreters renew it every second.
LEASE_MS = 2_500
# Time for which a rolled-over connection may still send (ms): protocol, rule 13.
OVERLAP_MS = 2_000


class FormerSource(msgspec.Struct, frozen=True):
    """A source's connection before its rollover, with its epoch then."""

    connection_id: str
    epoch: int
    until: int

    def may_send(self, connection_id: str, present_epoch: int, at_ms: int) -> bool:
        """Whether the connection may still send at `at_ms`, beside the present one.

        Only while the epoch after its own is present: a later takeover displaces it too.
        """
        return (
            connection_id == self.connection_id
            and present_epoch == self.epoch + 1
            and at_ms <= self.until
        )


class Standby(msgspec.Struct, frozen=True):
    """A stand-by interpreter, with the start of its wait and the end of its lease.

    Times are ms since the epoch.
    """

    source: InterpreterSource
    since: int
    lease_until: int

    def renewed_until(self, until: int) -> Standby:
        """Copy with a lease that ends at `until`, if that is later."""
        return self if until <= self.lease_until else replace(self, lease_until=until)


class Renewal(msgspec.Struct, frozen=True):
    """The last renewal of an interpreter's or stand-by's lease, from its connection's row.

    Times are ms since the epoch, 0 if the connection has not renewed or sent audio.
    """

    lease_until: int = 0
    heard_at: int = 0


_NOT_RENEWED = Renewal()


class Channel(msgspec.Struct, frozen=True):
    """The channel of an interpreted language.

    `connection_id` is the interpreter's, None if there is none. `epoch` rises with each one,
    so a former one cannot pass for the present one. `lease_until` is the end of its lease,
    `heard_at` when it last sent audio (ms since the epoch). `standbys` has connection IDs as keys.

    A stored channel has the leases as they were granted; `Session.with_renewals` extends them.
    """

    epoch: int
    source: InterpreterSource = "human"
    connection_id: str | None = None
    former: FormerSource | None = None
    lease_until: int = 0
    heard_at: int = 0
    standbys: Mapping[str, Standby] = msgspec.field(default_factory=dict)

    def has_place(self, connection_id: str) -> bool:
        """Whether a connection is the interpreter or a stand-by."""
        return connection_id == self.connection_id or connection_id in self.standbys

    def with_renewals(self, renewals: Mapping[str, Renewal]) -> Channel:
        """Copy with the leases extended by renewals, by connection ID."""
        if renewals.keys().isdisjoint((self.connection_id, *self.standbys)):
            return self
        held = renewals.get(self.connection_id or "", _NOT_RENEWED)
        return replace(
            self,
            lease_until=max(self.lease_until, held.lease_until),
            heard_at=max(self.heard_at, held.heard_at),
            standbys={
                who: place.renewed_until(renewals.get(who, _NOT_RENEWED).lease_until)
                for who, place in self.standbys.items()
            },
        )


class AudioSource(msgspec.Struct, frozen=True):
    """Language and epoch that a connection may send."""

    language: str
    epoch: int


class Session(msgspec.Struct, frozen=True):
    """A row of the sessions table; times are ms since the epoch.

    `grace_until` is the end of the grace period while the speaker is away. `audible_since` is when
    delivery last resumed after a pause or mute. `language_counts` has languages in use, and unused
    ones at zero; `removed_languages` is the number of counters removed to make room.
    `channels_epoch` is the highest epoch of all removed channels. `renewals` has the leases' latest
    renewals as far as they were read, by connection ID.
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
    status: SessionLifecycle = SessionLifecycle.ACTIVE
    broadcast_state: BroadcastState = msgspec.field(default_factory=BroadcastState)
    interpreters: frozenset[str] | None = None
    listener_count: int = 0
    language_counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    removed_languages: int = 0
    channels: Mapping[str, Channel] = msgspec.field(default_factory=dict)
    renewals: Mapping[str, Renewal] = msgspec.field(default_factory=dict)
    channels_epoch: int = 0
    audible_since: int = 0
    grace_until: int | None = None
    former_speaker: FormerSource | None = None
    end_reason: EndReason | None = None
    # Sessions with machine interpretation: the ticket of this hash permits interpreting.
    interpretation: Interpretation | None = None
    ticket_hash: str | None = None
    interpreter_run: InterpreterRun | None = None
    # Sessions by link: hash of the secret in the link.
    secret_hash: str | None = None
    # Versions of changes that members may not have been notified of yet, by subject.
    pending_notifications: Mapping[str, int] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return repr_without(self, "ticket_hash", "secret_hash")

    @property
    def is_active(self) -> bool:
        """False once the session has ended."""
        return self.status is SessionLifecycle.ACTIVE

    @property
    def speaker_connected(self) -> bool:
        """False during the grace period and after the end."""
        return self.is_active and self.grace_until is None

    def has_floor(self, connection_id: str) -> bool:
        """Whether the connection is the session's speaker and not in its grace period."""
        return connection_id == self.speaker_connection_id and self.grace_until is None

    def source_of(self, connection_id: str, at_ms: int) -> AudioSource | None:
        """The language and epoch that a connection sends; None if it is no source.

        A rolled-over connection may still send at `at_ms` if its overlap has not ended.
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
        """Epoch of a new channel: higher than any its language may have had."""
        return self.channels_epoch + 1

    def with_channel(self, language: str, channel: Channel) -> Session:
        """Copy with the channel of a language replaced."""
        return replace(self, channels={**self.channels, language: channel})

    def with_renewals(self, renewals: Mapping[str, Renewal]) -> Session:
        """Copy with the leases of all channels extended by renewals, by connection ID."""
        channels = {name: each.with_renewals(renewals) for name, each in self.channels.items()}
        return replace(self, channels=channels, renewals={**self.renewals, **renewals})

    def interpreters_present(self) -> tuple[str, ...]:
        """Connections that hold a channel."""
        holders = (channel.connection_id for channel in self.channels.values())
        return tuple(holder for holder in holders if holder is not None)

    def ended(self, reason: EndReason) -> Session:
        """Copy of the session after its end."""
        return replace(self, status=SessionLifecycle.ENDED, end_reason=reason, grace_until=None)

    def with_speaker(self, connection_id: str, epoch: int) -> Session:
        """Copy with another speaker, who is present."""
        return replace(
            self, speaker_connection_id=connection_id, speaker_epoch=epoch, grace_until=None
        )

    def with_pending_notification(self, subject: str, version: int) -> Session:
        """Copy with a pending notification."""
        return replace(self, pending_notifications={**self.pending_notifications, subject: version})

    def interpreted(self) -> dict[str, ChannelSource]:
        """Languages with an interpreter, and the kind of interpreter."""
        return {
            language: channel.source
            for language, channel in self.channels.items()
            if channel.connection_id is not None
        }

    def channel_source(self, language: str) -> ChannelSource:
        """Source that listeners of `language` hear: its interpreter, or else the floor."""
        channel = self.channels.get(language)
        return channel.source if channel and channel.connection_id else "floor"

    def heard_language(self, language: str) -> str:
        """Language of the audio that listeners of `language` hear."""
        return self.source_language if self.channel_source(language) == "floor" else language

    @property
    def floor_captioner(self) -> str | None:
        """Language whose machine interpreter captions the floor.

        All machine interpreters recognise the floor, but only one of them sends its captions.
        """
        return min(
            (name for name, source in self.interpreted().items() if source == "machine"),
            default=None,
        )

    def epoch_of(self, language: str) -> int | None:
        """Epoch of the present source of `language`; None if there is none."""
        if language == self.source_language:
            return self.speaker_epoch
        channel = self.channels.get(language)
        return channel.epoch if channel and channel.connection_id else None
