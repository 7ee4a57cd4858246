"""The composition root of the function that the clock invokes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from shared.data_access.active_sessions import ActiveSessions
from shared.data_access.counter_drift_store import CounterDriftStore
from shared.data_access.idle_connections import IdleConnections
from shared.data_access.member_rows import MemberRows
from shared.services.sweeps.idle_sweep import IdleSweep
from shared.services.sweeps.missed_notifications import LostSpeakers, MissedNotifications
from shared.services.sweeps.reconciliation import Reconciliation
from shared.services.sweeps.session_sweep import SessionSweep
from shared.utils.settings import SweepSettings, load
from shared.wiring.app import App


class SweepApp(App):
    """The parts of what is done every so often."""

    @cached_property
    def idle_sweep(self) -> IdleSweep:
        settings = load(SweepSettings, self._environment)
        # As many claims at once as there are connections to the database.
        executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="claims")
        return IdleSweep(
            IdleConnections(self._outside.connections),
            self._outside.sender,
            self._outside.disconnect(settings.disconnect_handler_function),
            idle_seconds=settings.connection_idle_timeout_seconds,
            clock=self.clock,
            telemetry=self.telemetry,
            spread=executor.map,
        )

    @cached_property
    def session_sweep(self) -> SessionSweep:
        return SessionSweep(
            ActiveSessions(self._outside.sessions),
            [
                MissedNotifications(
                    self._sessions, self._announcer, self._leases.ladder, self.clock
                ).tell,
                self.speaker_grace.finish_overdue,
                LostSpeakers(
                    self._sessions, self._connections, self._announcer, self.clock
                ).start_grace,
                self._leases.ladder.lose_expired,
                self._interpreters.starts.start_missing,
            ],
            self.clock,
            self.telemetry,
        )

    @cached_property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(
            ActiveSessions(self._outside.sessions),
            self._sessions,
            self._connections,
            rows=MemberRows(self._outside.connections),
            findings=CounterDriftStore(self._outside.sessions),
            clock=self.clock,
            telemetry=self.telemetry,
        )
