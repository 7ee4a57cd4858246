"""The speaker's presence, from reordered messages and audio. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, replace

# PROTOCOL rule 1: audio of a lost connection may still arrive for this long.
_STRAGGLER_MS = 2_000


@dataclass(frozen=True, slots=True)
class Floor:
    """The speaker's presence; times are ms since the epoch, by the receiver's clock."""

    connected: bool = True
    audio_epoch: int = -1  # newest epoch with a received chunk
    reported_epoch: int = -1  # newest epoch whose audio showed that the speaker is back
    disconnected_at_ms: float = 0.0

    def disconnected(self, now_ms: float) -> Floor:
        """Apply the service's report that the speaker's connection is lost."""
        return replace(self, connected=False, disconnected_at_ms=now_ms)

    def reconnected(self) -> Floor:
        """Apply the service's report that the speaker is back."""
        return replace(self, connected=True)

    def audio_received(self, epoch: int, now_ms: float) -> Floor:
        """Apply a received chunk.

        The speaker is back if its epoch is newer, or if it arrives too late to be a straggler.
        """
        newer = epoch > self.audio_epoch
        if not self.connected and (newer or now_ms - self.disconnected_at_ms > _STRAGGLER_MS):
            return replace(self, connected=True, audio_epoch=epoch, reported_epoch=epoch)
        return replace(self, audio_epoch=epoch) if newer else self

    def has_reported(self, epoch: int) -> bool:
        """Return whether the speaker's return in `epoch` has been reported already."""
        return self.connected and epoch <= self.reported_epoch
