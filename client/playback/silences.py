"""Recognition of gaps that a pause or mute of the broadcast explains (PROTOCOL rule 4).

State messages and audio travel separately and may be reordered: chunks in flight arrive after the
message about a pause, and the first new chunk may arrive before the message about its end.
"""

from __future__ import annotations

from collections import deque

from client.playback.jitter import Gap
from shared.models.broadcast_state import BroadcastState
from shared.protocol.messages import Audio

# Each silence leaves two or three edges, and its gap is played soon afterwards.
_MAX_EDGES = 64


class SilenceTracker:
    """Remembers the chunks after which a pause or mute may have begun."""

    def __init__(self) -> None:
        self._silent = False
        self._since_last_chunk = False
        self._newest: tuple[int, int] | None = None
        self._edges: deque[tuple[int, int]] = deque(maxlen=_MAX_EDGES)

    def apply(self, state: BroadcastState) -> None:
        """Apply a new broadcast state."""
        self._silent = not state.is_broadcasting()
        self._since_last_chunk |= self._silent

    def observe(self, audio: Audio) -> None:
        """Note a chunk, in order of arrival."""
        if self._since_last_chunk and self._newest is not None:
            self._edges.append(self._newest)
        self._since_last_chunk = self._silent
        key = (audio.epoch, audio.seq)
        self._newest = key if self._newest is None else max(self._newest, key)

    def reset(self) -> None:
        """Start a new language, whose sequence numbers are unrelated."""
        self._newest = None
        self._edges.clear()

    def was_withheld(self, gap: Gap) -> bool:
        """Return whether the missing chunks were withheld rather than lost."""
        return (gap.epoch, gap.first - 1) in self._edges
