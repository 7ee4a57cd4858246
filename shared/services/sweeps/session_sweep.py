"""The second way to what should have happened to a session: for whatever was lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.data_access.active_sessions import ActiveSessions
from shared.models.errors import LingocastError
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Looks at one session as it was read, and does what is due; True if something was.
Check = Callable[[Session], bool]


class SessionSweep:
    """Looks at all active sessions: eight queries, and a batch for each hundred of them.

    The rows are eventually consistent: what a check does must be conditional on what it saw.
    """

    def __init__(
        self,
        active: ActiveSessions,
        checks: Sequence[Check],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._active = active
        self._checks = checks
        self._clock = clock
        self._telemetry = telemetry

    def run(self, until_ms: int) -> int:
        """How often something was due. A check that fails keeps none of the others.

        Raises StoreUnavailableError if the sessions cannot be read.
        """
        done = 0
        for session in self._active.sessions():
            if self._clock.now_ms() > until_ms:
                self._telemetry.warn("sessions not all looked at")
                break
            done += sum(self._run_check(check, session) for check in self._checks)
        return done

    def _run_check(self, check: Check, session: Session) -> bool:
        try:
            return check(session)
        except LingocastError as error:
            self._telemetry.warn("session not put right", code=error.code)
            return False
