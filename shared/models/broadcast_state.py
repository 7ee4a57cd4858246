"""Whether a session's audio flows, and how loud: one immutable value."""

from __future__ import annotations

import msgspec


class BroadcastState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """State of a broadcast; on the wire and in the session item alike.

    `volume` is 0.0-1.0, applied by receivers. `last_state_change` is in ms since the epoch and
    strictly increases with every change.
    """

    is_active: bool = True
    is_paused: bool = False
    is_muted: bool = False
    volume: float = 1.0
    last_state_change: int = 0

    def is_broadcasting(self) -> bool:
        """True while audio is delivered: active, and neither paused nor muted."""
        return self.is_active and not self.is_paused and not self.is_muted
