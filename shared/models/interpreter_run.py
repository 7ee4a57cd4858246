"""Runs of a session's machine interpreter, each within Lambda's time limit."""

from __future__ import annotations

from typing import Annotated

import msgspec

# Lease of a run (ms). A run renews it every ten seconds.
RUN_LEASE_MS = 30_000


class InterpreterRun(msgspec.Struct, frozen=True):
    """The latest run of a session, with the end of its lease (ms since the epoch).

    Generation 0 means that no run has started; its lease ends when the first one is overdue.
    """

    generation: int
    lease_until: int


class RunRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Event of the interpreter function. Never log the ticket."""

    session_id: str
    ticket: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    generation: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]

    def __repr__(self) -> str:
        return f"RunRequest({self.session_id}, generation {self.generation})"
