"""Putting right what a crash between two writes has left in the counters.

A counter and the seat that it counts are two rows, written one after the other. If a function dies
between the two, they differ for good; while it is between them, they differ for a moment. Only a
difference that two checks found alike, a minute or more apart, is the former.
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

# So long apart (ms) two checks must have found the same.
CONFIRM_AFTER_MS = 60_000


class Reconciliation:
    """Checks the active sessions, one after the other.

    For a session it reads the roster, which costs a read unit for some sixty members, and, only if
    that differs from the counters, the members' rows: one unit each.
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
        """One check of everything, or of what can be checked by `until_ms`. A session that cannot
        be checked keeps none of the others. Raises StoreUnavailableError if none can be read.
        """
        for session_id in self._active.ids():
            if self._clock.now_ms() > until_ms:
                self._telemetry.warn("sessions not all checked")
                return
            try:
                self._check_counters(session_id)
            except LingocastError as error:
                self._telemetry.warn("session not checked", code=error.code)

    def _check_counters(self, session_id: str) -> None:
        last, found = self._drift_store.last(session_id), self._difference(session_id)
        if found is None:
            if last is not None:
                self._drift_store.forget(session_id)
        elif last is None or not found.agrees_with(last):
            self._drift_store.remember(session_id, found)
        elif found.found_at - last.found_at >= CONFIRM_AFTER_MS and self._drift_store.correct(
            session_id, last
        ):
            self._telemetry.count("CountersCorrected")
            self._telemetry.warn(
                "counters corrected", session_id=session_id, listeners=found.listeners
            )

    def _difference(self, session_id: str) -> CounterDrift | None:
        """What the counters lack now; None also of a session that is in motion, or over."""
        session = self._sessions.get(session_id)
        if session is None or not session.is_active:
            return None
        now = self._clock.now_ms()
        roster = self._connections.roster(session_id)
        seats = Counter(seat.language for _, seat in roster if seat.role == "listener")
        if compute_drift(now, session.listener_count, session.language_counts, seats) is None:
            return None
        # The index lags behind, and has those who were replaced.
        members = self._rows.read([connection_id for connection_id, _ in roster])
        seats = listeners_by_language(session_id, members)
        again = self._sessions.get(session_id)
        if again is None or _counters(again) != _counters(session):
            return None
        return compute_drift(now, session.listener_count, session.language_counts, seats)


def _counters(session: Session) -> tuple[int, dict[str, int]]:
    return session.listener_count, dict(session.language_counts)
