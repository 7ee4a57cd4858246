"""Sweep of active sessions: repeats what lost timers and crashes have left undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.data_access.active_sessions import ActiveSessions
from shared.models.errors import LingocastError
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Checks one session as read and repairs it; True if a repair was due.
Check = Callable[[Session], bool]


class SessionSweep:
    """Runs checks on all active sessions: eight queries, and one batch read per 100 sessions.

    The rows are eventually consistent, so a check must write conditionally on what it read.
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
        """Run all checks, or as many as possible by `until_ms`. Returns the number of repairs.

        A failed check does not affect the others. Raises StoreUnavailableError if the sessions
        cannot be read.
        """
        done = 0
        for session in self._active.sessions():
            if self._clock.now_ms() > until_ms:
                self._telemetry.warn("session sweep cut short")
                break
            done += sum(self._run_check(check, session) for check in self._checks)
        return done

    def _run_check(self, check: Check, session: Session) -> bool:
        try:
            return check(session)
        except LingocastError as error:
            self._telemetry.warn("session check failed", code=error.code)
            return False
