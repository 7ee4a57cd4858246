"""Starts runs of sessions' interpreters: with the session, and again after a crash."""

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

# createSession waits for the invocation; after this time (ms) it leaves the start to the sweep.
_DEADLINE_MS = 1_500


class RunStarter:
    """Starts runs; `invoker` invokes the function `interpreter` asynchronously."""

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
        """Request a run; False, and a metric, if the invocation failed or took too long.

        The sweep starts a run for any session that is left without one.
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
        """Start the next run, with a new ticket, if the latest run's lease has expired.

        Of several concurrent callers one succeeds. Raises StoreUnavailableError.
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
