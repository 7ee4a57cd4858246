"""Whether the speaker is there, from messages and audio that may overtake each other. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, replace

# PROTOCOL rule 1: so long audio of a connection that is gone may still arrive.
_STRAGGLING_MS = 2_000


@dataclass(frozen=True, slots=True)
class Floor:
    """The speaker's presence; times are ms since the epoch, by the receiver's clock."""

    connected: bool = True
    audio_epoch: int = -1  # the newest one of which a chunk was heard
    reported_epoch: int = -1  # the newest one whose speaker was found to be back by its sound
    disconnected_at_ms: float = 0.0

    def disconnected(self, now_ms: float) -> Floor:
        """The service says that the speaker's connection is lost."""
        return replace(self, connected=False, disconnected_at_ms=now_ms)

    def reconnected(self) -> Floor:
        """The service says that the speaker is back."""
        return replace(self, connected=True)

    def audio_received(self, epoch: int, now_ms: float) -> Floor:
        """A chunk arrived. Of a newer epoch, or too long after the loss to be a straggler, it
        tells that the speaker is back.
        """
        newer = epoch > self.audio_epoch
        if not self.connected and (newer or now_ms - self.disconnected_at_ms > _STRAGGLING_MS):
            return replace(self, connected=True, audio_epoch=epoch, reported_epoch=epoch)
        return replace(self, audio_epoch=epoch) if newer else self

    def has_reported(self, epoch: int) -> bool:
        """Whether the speaker's return with that epoch is no news."""
        return self.connected and epoch <= self.reported_epoch
