"""The runs of a session's own interpreter: one after another, each as long as Lambda lets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

# How long a run is believed to go on without a sign of life (ms); it gives one every ten seconds.
RUN_LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class InterpreterRun:
    """The latest run of a session, and until when it is believed to go on (ms since the epoch).

    Generation 0 is none yet; its lease is the time in which the first is expected.
    """

    generation: int
    lease_until: int


class RunRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What the function `interpreter` is invoked with. The ticket must not get into a log."""

    session_id: str
    ticket: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    generation: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]

    def __repr__(self) -> str:
        return f"RunRequest({self.session_id}, generation {self.generation})"
