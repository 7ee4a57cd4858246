"""The runs of sessions' interpreters: at most one at a time, whatever is invoked how often.

Every step is one conditional write of the session's row. A run is fenced by its generation, as a
source is by its epoch: what has been succeeded can neither renew nor release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.data_access.listener_counts import ACTIVE
from shared.data_access.session_items import (
    RUN,
    RUN_GENERATION,
    RUN_LEASE_UNTIL,
    TICKET_HASH,
    from_item,
)
from shared.data_access.table import Item, Table
from shared.models.interpreter_run import RUN_LEASE_MS, InterpreterRun
from shared.models.session import Session, SessionStatus

_NAMES = {
    "#status": "status",
    "#run": RUN,
    "#generation": RUN_GENERATION,
}


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that is the caller's now: its generation, and the session as it was just before."""

    session: Session
    generation: int


class RunStore:
    """Claims, renews and releases. Every method raises StoreUnavailableError."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def claim(
        self, session_id: str, ticket_hash: str, generation: int, now_ms: int
    ) -> ClaimedRun | None:
        """Become the session's next run; None unless the session is active, the ticket its own,
        and `generation` the next one, or else the latest run's lease over.

        Thus a successor takes over from a run that lives, a second delivery of what invoked it
        finds nothing to do, and one that comes after a crash becomes the next generation.
        """
        before = self._change(
            session_id,
            "SET #run.#generation = #run.#generation + :one, #run.#until = :until",
            condition="#ticket = :ticket AND (#run.#generation = :before OR #run.#until < :now)",
            names={"#until": RUN_LEASE_UNTIL, "#ticket": TICKET_HASH},
            values={
                ":one": 1,
                ":until": now_ms + RUN_LEASE_MS,
                ":ticket": ticket_hash,
                ":before": generation - 1,
                ":now": now_ms,
            },
            undone=_one_generation_back,
        )
        if before is None:
            return None
        return ClaimedRun(from_item(before), before[RUN][RUN_GENERATION] + 1)

    def renew(self, session_id: str, generation: int, now_ms: int) -> bool:
        """Go on for another lease; False if the session is over, or another run has come."""
        return self._of(session_id, generation, now_ms + RUN_LEASE_MS)

    def release(self, session_id: str, generation: int) -> bool:
        """Let the next run come at once; False as for `renew`."""
        return self._of(session_id, generation, 0)

    def reissue(self, session_id: str, run: InterpreterRun, ticket_hash: str, now_ms: int) -> bool:
        """Replace the ticket, for a run that is started from outside; False if the session is
        over, or anything of `run` has changed since it was read.

        The new run has a lease's time to claim itself. Until then nobody else is started.
        """
        changed = self._change(
            session_id,
            "SET #ticket = :ticket, #run.#until = :until",
            condition="#run.#generation = :generation AND #run.#until = :seen",
            names={"#until": RUN_LEASE_UNTIL, "#ticket": TICKET_HASH},
            values={
                ":ticket": ticket_hash,
                ":until": now_ms + RUN_LEASE_MS,
                ":generation": run.generation,
                ":seen": run.lease_until,
            },
        )
        return changed is not None

    def _of(self, session_id: str, generation: int, until_ms: int) -> bool:
        changed = self._change(
            session_id,
            "SET #run.#until = :until",
            condition="#run.#generation = :generation",
            names={"#until": RUN_LEASE_UNTIL},
            values={":until": until_ms, ":generation": generation},
        )
        return changed is not None

    def _change(
        self,
        session_id: str,
        expression: str,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
        undone: Callable[[Item], Item] = dict,
    ) -> Item | None:
        return self._sessions.update_if(
            session_id,
            expression,
            condition=f"{ACTIVE} AND {condition}",
            names={**_NAMES, **names},
            values={":active": SessionStatus.ACTIVE.value, **values},
            undone=undone,
        )


def _one_generation_back(item: Item) -> Item:
    return {**item, RUN: {**item[RUN], RUN_GENERATION: item[RUN][RUN_GENERATION] - 1}}
