"""Whether the speaker is there, from messages and audio that may overtake each other. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, replace

# PROTOCOL rule 1: so long audio of a connection that is gone may still arrive.
_STRAGGLING_MS = 2_000


@dataclass(frozen=True, slots=True)
class Floor:
    """The speaker's presence; times are ms since the epoch, by the receiver's clock."""

    connected: bool = True
    heard_epoch: int = -1  # the newest one of which a chunk was heard
    told_epoch: int = -1  # the newest one whose speaker was found to be back by its sound
    left_at_ms: float = 0.0

    def left(self, now_ms: float) -> Floor:
        """The service says that the speaker's connection is lost."""
        return replace(self, connected=False, left_at_ms=now_ms)

    def returned(self) -> Floor:
        """The service says that the speaker is back."""
        return replace(self, connected=True)

    def heard(self, epoch: int, now_ms: float) -> Floor:
        """A chunk arrived. Of a newer epoch, or too long after the loss to be a straggler, it
        tells that the speaker is back.
        """
        newer = epoch > self.heard_epoch
        if not self.connected and (newer or now_ms - self.left_at_ms > _STRAGGLING_MS):
            return replace(self, connected=True, heard_epoch=epoch, told_epoch=epoch)
        return replace(self, heard_epoch=epoch) if newer else self

    def knows_of(self, epoch: int) -> bool:
        """Whether the speaker's return with that epoch is no news."""
        return self.connected and epoch <= self.told_epoch
