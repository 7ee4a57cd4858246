"""What is to happen later: messages to oneself, delayed by a queue."""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

import msgspec

Timer_contra = TypeVar("Timer_contra", contravariant=True)

#: The task by which a rule has the counters checked; without one it has connections swept.
RECONCILE = "reconcile"


class GraceOver(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="graceOver"
):
    """The speaker of this epoch has had the time to come back. Of no effect if there is another
    epoch by then: every return gives a new one.
    """

    session_id: str
    speaker_epoch: Annotated[int, msgspec.Meta(ge=0)]


STATUS_TICK = "statusTick"


class StatusDue(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="statusDue"
):
    """The speaker of a session is to hear who listens. `armed_at` (ms) says which of the session's
    timers this is: only the one that the session waits for has an effect.
    """

    session_id: str
    armed_at: int


class StatusTick(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag=STATUS_TICK
):
    """The speakers of all active sessions are to hear who listens."""


class Timers(Protocol[Timer_contra]):
    """Sets timers. They may ring twice, and late; see `shared.aws.timer_queue`."""

    def set(self, timer: Timer_contra, delay_seconds: int) -> None:
        """Let `timer` ring after the delay. Raises StoreUnavailableError."""
