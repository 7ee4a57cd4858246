"""Which gaps are no loss: those that a pause or a mute of the broadcast has left (PROTOCOL rule 4).

The news of a silence and the sound around it travel apart, so either may be first: chunks that were
under way still come after the news of a pause, and the first new one before the news of its end.
"""

from __future__ import annotations

from collections import deque

from client.playback.jitter import Gap
from shared.models.broadcast_state import BroadcastState
from shared.protocol.messages import Audio

# Each silence leaves two or three edges, and a gap is played soon after its silence.
_REMEMBERED = 64


class SilenceTracker:
    """Remembers the chunks after which a silence may have begun."""

    def __init__(self) -> None:
        self._silent = False
        self._since_last_chunk = False
        self._newest: tuple[int, int] | None = None
        self._edges: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def note(self, state: BroadcastState) -> None:
        """Take in the state that holds from now on."""
        self._silent = not state.is_broadcasting()
        self._since_last_chunk |= self._silent

    def heard(self, audio: Audio) -> None:
        """Take in a chunk, in the order of arrival."""
        if self._since_last_chunk and self._newest is not None:
            self._edges.append(self._newest)
        self._since_last_chunk = self._silent
        key = (audio.epoch, audio.seq)
        self._newest = key if self._newest is None else max(self._newest, key)

    def forget(self) -> None:
        """Another language's sound begins: its numbers have nothing to do with the former's."""
        self._newest = None
        self._edges.clear()

    def explain(self, gap: Gap) -> bool:
        """Whether the missing chunks were withheld rather than lost."""
        return (gap.epoch, gap.first - 1) in self._edges
