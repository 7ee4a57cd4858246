"""App of the timeout function: idle connections, sessions and counter checks."""

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
    """The parts of the timeout function."""

    @cached_property
    def idle_sweep(self) -> IdleSweep:
        settings = load(SweepSettings, self._environment)
        # One claim for each of the DynamoDB client's pooled connections.
        executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="claims")
        return IdleSweep(
            IdleConnections(self._aws.connections),
            self._aws.sender,
            self._aws.disconnect(settings.disconnect_handler_function),
            idle_seconds=settings.connection_idle_timeout_seconds,
            clock=self.clock,
            telemetry=self.telemetry,
            parallel_map=executor.map,
        )

    @cached_property
    def session_sweep(self) -> SessionSweep:
        return SessionSweep(
            ActiveSessions(self._aws.sessions),
            [
                MissedNotifications(
                    self._sessions, self._notifier, self._succession, self.clock
                ).resend,
                self.speaker_grace.end_if_overdue,
                LostSpeakers(
                    self._sessions, self._connections, self._notifier, self.clock
                ).start_grace,
                self._succession.pass_on_expired,
                self._run_starter.start_missing,
            ],
            self.clock,
            self.telemetry,
        )

    @cached_property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(
            ActiveSessions(self._aws.sessions),
            self._sessions,
            self._connections,
            rows=MemberRows(self._aws.connections),
            drift_store=CounterDriftStore(self._aws.sessions),
            clock=self.clock,
            telemetry=self.telemetry,
        )
