"""Broadcast state of a session: active, paused, muted, volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.models.errors import ErrorCode, ValidationError
from shared.models.numbers import plain

# Finer than a step of 16-bit samples. DynamoDB cannot store every float.
_VOLUME_DECIMALS = 6


def checked_volume(volume: object) -> float:
    """Validate a volume of 0.0-1.0 and round it to six decimals.

    Raises INVALID_VOLUME for anything else, including NaN, infinities, booleans and strings.
    """
    number = volume if isinstance(volume, int | float) and not isinstance(volume, bool) else -1
    if not 0 <= number <= 1:
        raise ValidationError(
            ErrorCode.INVALID_VOLUME, "volume", "not a number of 0.0 to 1.0; 1.0 is full volume"
        )
    return round(float(number), _VOLUME_DECIMALS) + 0.0  # no negative zero


class BroadcastState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Immutable broadcast state, the same on the wire and in the session's row.

    Receivers apply `volume`, 0.0-1.0; other values raise INVALID_VOLUME. `last_state_change` (ms
    since the epoch) rises with every change and serves as the version. Transitions take the time
    `at_ms`; one without effect returns the state unchanged.
    """

    is_active: bool = True
    is_paused: bool = False
    is_muted: bool = False
    volume: float = 1.0
    last_state_change: int = 0

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "volume", checked_volume(self.volume))

    def is_broadcasting(self) -> bool:
        """True while audio is delivered: active, and neither paused nor muted."""
        return self.is_active and not self.is_paused and not self.is_muted

    def pause(self, at_ms: int) -> BroadcastState:
        """Stop delivery until resumed."""
        return self._with(at_ms, is_paused=True)

    def resume(self, at_ms: int) -> BroadcastState:
        """End the pause; audio flows unless muted."""
        return self._with(at_ms, is_paused=False)

    def mute(self, at_ms: int) -> BroadcastState:
        """Stop delivery until unmuted."""
        return self._with(at_ms, is_muted=True)

    def unmute(self, at_ms: int) -> BroadcastState:
        """End the mute; audio flows unless paused."""
        return self._with(at_ms, is_muted=False)

    def set_volume(self, volume: float, at_ms: int) -> BroadcastState:
        """Set the playback volume of all receivers, 0.0-1.0. Raises INVALID_VOLUME."""
        return self._with(at_ms, volume=checked_volume(volume))

    def end(self, at_ms: int) -> BroadcastState:
        """Stop delivery for good."""
        return self._with(at_ms, is_active=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by wire name."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BroadcastState:
        """Build a state from plain values or Decimals; missing fields get defaults.

        Raises ValueError naming a field that is ill-typed or out of range.
        """
        return msgspec.convert(plain(dict(values)), cls)

    def _with(self, at_ms: int, **changes: bool | float) -> BroadcastState:
        changed: BroadcastState = msgspec.structs.replace(self, **changes)
        if changed == self:
            return self
        # Must rise, even if clocks disagree or two changes share a millisecond.
        latest = max(at_ms, self.last_state_change + 1)
        return msgspec.structs.replace(changed, last_state_change=latest)
