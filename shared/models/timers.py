"""What is to happen later: messages to oneself, delayed by a queue."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec


class GraceOver(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="graceOver"
):
    """The speaker of this epoch has had the time to come back. Of no effect if there is another
    epoch by then: every return gives a new one.
    """

    session_id: str
    speaker_epoch: Annotated[int, msgspec.Meta(ge=0)]


class Timers(Protocol):
    """Sets timers. They may ring twice, and late; see `shared.data_access.timer_queue`."""

    def set(self, timer: GraceOver, delay_seconds: int) -> None:
        """Let `timer` ring after the delay. Raises StoreUnavailableError."""
