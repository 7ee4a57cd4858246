"""Corrects listener counters after crashes.

A seat and its counter are two rows, written one after the other. They differ for a moment between
the two writes, and permanently if the function crashes there. A difference counts as permanent if
two checks, a minute or more apart, find the same one.
"""

from __future__ import annotations

from collections import Counter

from shared.data_access.active_sessions import ActiveSessions
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.counter_drift_store import CounterDriftStore
from shared.data_access.member_rows import MemberRows, listeners_by_language
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.counter_drift import CounterDrift, compute_drift
from shared.models.errors import LingocastError
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Minimum time between two checks that find the same drift (ms).
CONFIRM_AFTER_MS = 60_000


class Reconciliation:
    """Checks the counters of all active sessions.

    Costs per session: the roster, about one read unit per sixty members, and, only if it differs
    from the counters, the members' rows, one unit each.
    """

    def __init__(
        self,
        active: ActiveSessions,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        rows: MemberRows,
        drift_store: CounterDriftStore,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._active = active
        self._sessions = sessions
        self._connections = connections
        self._rows = rows
        self._drift_store = drift_store
        self._clock = clock
        self._telemetry = telemetry

    def run(self, until_ms: int) -> None:
        """Check all active sessions, or as many as possible by `until_ms`.

        A failed check does not affect other sessions. Raises StoreUnavailableError if the sessions
        cannot be listed.
        """
        for session_id in self._active.ids():
            if self._clock.now_ms() > until_ms:
                self._telemetry.warn("reconciliation cut short")
                return
            try:
                self._check_counters(session_id)
            except LingocastError as error:
                self._telemetry.warn("counters not checked", code=error.code)

    def _check_counters(self, session_id: str) -> None:
        last, found = self._drift_store.get(session_id), self._present_drift(session_id)
        if found is None:
            if last is not None:
                self._drift_store.clear(session_id)
        elif last is None or not found.agrees_with(last):
            self._drift_store.save(session_id, found)
        elif found.found_at - last.found_at >= CONFIRM_AFTER_MS and self._drift_store.correct(
            session_id, last
        ):
            self._telemetry.count("CountersCorrected")
            self._telemetry.warn(
                "counters corrected", session_id=session_id, listeners=found.listeners
            )

    def _present_drift(self, session_id: str) -> CounterDrift | None:
        """Return the present drift. None if there is none, or the session changes or has ended."""
        session = self._sessions.get(session_id)
        if session is None or not session.is_active:
            return None
        now = self._clock.now_ms()
        roster = self._connections.roster(session_id)
        seats = Counter(seat.language for _, seat in roster if seat.role == "listener")
        if compute_drift(now, session.listener_count, session.language_counts, seats) is None:
            return None
        # The index is eventually consistent and includes replaced connections.
        members = self._rows.read([connection_id for connection_id, _ in roster])
        seats = listeners_by_language(session_id, members)
        reread = self._sessions.get(session_id)
        if reread is None or _counters(reread) != _counters(session):
            return None
        return compute_drift(now, session.listener_count, session.language_counts, seats)


def _counters(session: Session) -> tuple[int, dict[str, int]]:
    return session.listener_count, dict(session.language_counts)
