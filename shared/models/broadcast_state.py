"""Whether a session's audio flows, and how loud: one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.models.errors import ErrorCode, ValidationError
from shared.models.numbers import plain

# Finer than a step of 16-bit samples; DynamoDB could not store every float there is.
_VOLUME_DECIMALS = 6


def checked_volume(volume: object) -> float:
    """The volume as it is kept, to six decimals, if it is a number of 0.0-1.0.

    Raises INVALID_VOLUME otherwise: NaN, infinities, booleans and texts are no volumes.
    """
    number = volume if isinstance(volume, int | float) and not isinstance(volume, bool) else -1
    if not 0 <= number <= 1:
        raise ValidationError(
            ErrorCode.INVALID_VOLUME, "volume", "not a number of 0.0 to 1.0; 1.0 is full volume"
        )
    return round(float(number), _VOLUME_DECIMALS) + 0.0  # no negative zero


class BroadcastState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """State of a broadcast; on the wire and in the session item alike.

    `volume` is 0.0-1.0, applied by receivers; anything else raises INVALID_VOLUME.
    `last_state_change` is in ms since the epoch and rises with every change, so it tells states
    apart like a version. A transition takes the time `at_ms` of its clock. One that changes
    nothing returns the state as it is.
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
        """Deliver no audio until resumed."""
        return self._with(at_ms, is_paused=True)

    def resume(self, at_ms: int) -> BroadcastState:
        """Deliver audio again, unless it is muted too."""
        return self._with(at_ms, is_paused=False)

    def mute(self, at_ms: int) -> BroadcastState:
        """Deliver no audio until unmuted."""
        return self._with(at_ms, is_muted=True)

    def unmute(self, at_ms: int) -> BroadcastState:
        """Deliver audio again, unless it is paused too."""
        return self._with(at_ms, is_muted=False)

    def set_volume(self, volume: float, at_ms: int) -> BroadcastState:
        """Let receivers play at `volume`, 0.0-1.0. Raises INVALID_VOLUME."""
        return self._with(at_ms, volume=checked_volume(volume))

    def end(self, at_ms: int) -> BroadcastState:
        """Deliver no audio, ever again."""
        return self._with(at_ms, is_active=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by the names that they have on the wire."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BroadcastState:
        """The state of such values, DynamoDB's Decimals included; what is missing has its default.

        Raises ValueError that names the field which is ill-typed or out of range.
        """
        return msgspec.convert(plain(dict(values)), cls)

    def _with(self, at_ms: int, **changes: bool | float) -> BroadcastState:
        changed: BroadcastState = msgspec.structs.replace(self, **changes)
        if changed == self:
            return self
        # Strictly more than before, also if clocks disagree or two changes share a millisecond.
        latest = max(at_ms, self.last_state_change + 1)
        return msgspec.structs.replace(changed, last_state_change=latest)
