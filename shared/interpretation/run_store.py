"""The runs of sessions' interpreters: at most one at a time, however often they are invoked.

Every step is one conditional write of the session's row. A run is fenced by its generation, as a
source is by its epoch: a run with a successor can neither renew nor release its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

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
from shared.models.session import Session, SessionLifecycle

_NAMES = {
    "#status": "status",
    "#run": RUN,
    "#generation": RUN_GENERATION,
}


class ClaimedRun(msgspec.Struct, frozen=True):
    """A run that the caller has claimed, and the session as it was just before."""

    session: Session
    generation: int


class RunStore:
    """Claims, renews and releases runs. Every method raises StoreUnavailableError."""

    def __init__(self, sessions: Table) -> None:
        self._sessions = sessions

    def claim(
        self, session_id: str, ticket_hash: str, generation: int, now_ms: int
    ) -> ClaimedRun | None:
        """Claim the session's next run, or return None.

        The session must be active, the ticket its own, and `generation` the next one or the latest
        run's lease expired. So a successor can take over from a live run, a duplicate invocation
        finds nothing to claim, and an invocation after a crash becomes the next generation.
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
            revert=_with_previous_generation,
        )
        if before is None:
            return None
        return ClaimedRun(from_item(before), before[RUN][RUN_GENERATION] + 1)

    def renew(self, session_id: str, generation: int, now_ms: int) -> bool:
        """Extend the lease; False if the session has ended or another run has been claimed."""
        return self._set_lease(session_id, generation, now_ms + RUN_LEASE_MS)

    def release(self, session_id: str, generation: int) -> bool:
        """End the lease, so that the next run can start at once; False as for `renew`."""
        return self._set_lease(session_id, generation, 0)

    def reissue(self, session_id: str, run: InterpreterRun, ticket_hash: str, now_ms: int) -> bool:
        """Replace the ticket before starting a run after a crash.

        False if the session has ended or `run` has changed since it was read. The new run has one
        lease to be claimed; until then no other run is started.
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

    def _set_lease(self, session_id: str, generation: int, until_ms: int) -> bool:
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
        revert: Callable[[Item], Item] = dict,
    ) -> Item | None:
        return self._sessions.update_if(
            session_id,
            expression,
            condition=f"{ACTIVE} AND {condition}",
            names={**_NAMES, **names},
            values={":active": SessionLifecycle.ACTIVE.value, **values},
            revert=revert,
        )


def _with_previous_generation(item: Item) -> Item:
    return {**item, RUN: {**item[RUN], RUN_GENERATION: item[RUN][RUN_GENERATION] - 1}}
