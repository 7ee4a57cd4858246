"""Starting sessions' interpreters: once with the session, and again when one is missed."""

from __future__ import annotations

import msgspec

from shared.fanout.sharded_sender import FunctionInvoker
from shared.interpretation.run_store import RunStore
from shared.models.delivery import Outcome
from shared.models.interpreter_run import RunRequest
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.hashed_secret import new_secret
from shared.utils.identifiers import Identifiers
from shared.utils.telemetry import Telemetry

# A speaker waits for it, and what is not taken by then the sweep starts (ms).
_DEADLINE_MS = 1_500


class RunStarter:
    """Asks for runs. `invoker` invokes the function `interpreter` without waiting for its end."""

    def __init__(
        self,
        runs: RunStore,
        invoker: FunctionInvoker,
        *,
        identifiers: Identifiers,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._runs = runs
        self._invoker = invoker
        self._identifiers = identifiers
        self._clock = clock
        self._telemetry = telemetry

    def start(self, session_id: str, ticket: str, generation: int) -> bool:
        """Have a run begin; False (and a metric) if that could not be asked for in time. Nobody is
        told: the sweep finds a session without its interpreter.
        """
        request = RunRequest(session_id=session_id, ticket=ticket, generation=generation)
        (answer,) = self._invoker.invoke_many(
            [msgspec.json.encode(request)], self._clock.now_ms() + _DEADLINE_MS
        )
        if answer.outcome is Outcome.SENT:
            return True
        self._telemetry.count("InterpretersNotStarted")
        self._telemetry.warn("interpreter not started", session=session_id)
        return False

    def start_missing(self, session: Session) -> bool:
        """Have the next run begin, with a new ticket, if the session is to have an interpreter and
        the latest one's lease is over. Of several who find that out, one does it.

        Raises StoreUnavailableError.
        """
        run = session.interpreter_run
        now = self._clock.now_ms()
        if run is None or not session.is_active or now <= run.lease_until:
            return False
        ticket = new_secret(self._identifiers)
        if not self._runs.reissue(session.session_id, run, ticket.hash, now):
            return False
        self._telemetry.count("InterpretersRestarted")
        return self.start(session.session_id, ticket.text, run.generation + 1)
