"""Timers: delayed messages that the service sends to itself through a queue."""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

import msgspec

Timer_contra = TypeVar("Timer_contra", contravariant=True)

#: Task of the rule that checks counters. The rule without a task sweeps connections.
RECONCILE = "reconcile"


class GraceOver(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="graceOver"
):
    """End of a speaker's grace period.

    Has no effect if the speaker has returned, because each return gets a new epoch.
    """

    session_id: str
    speaker_epoch: Annotated[int, msgspec.Meta(ge=0)]


STATUS_TICK = "statusTick"


class StatusDue(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="statusDue"
):
    """A status is due for a session's speaker.

    `armed_at` (ms) identifies the timer: only the one that is armed now has an effect.
    """

    session_id: str
    armed_at: int


class StatusTick(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag=STATUS_TICK
):
    """Statuses are due for the speakers of all active sessions."""


class Timers(Protocol[Timer_contra]):
    """Sets timers. They may fire late or twice; see `shared.aws.timer_queue`."""

    def set(self, timer: Timer_contra, delay_seconds: int) -> None:
        """Fire `timer` after the delay. Raises StoreUnavailableError."""
