"""The composition root of who interprets: leases, places, and what becomes of them."""

from __future__ import annotations

from functools import cached_property

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.sessions_repository import SessionsRepository
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.interpreter_handover import InterpreterHandover
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.services.sessions.lease_renewals import LeaseRenewals
from shared.services.sessions.lease_watch import LeaseWatch
from shared.services.sessions.seat_lookup import SeatLookup
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class LeaseParts:
    """Made at their first use, as all parts are."""

    def __init__(
        self,
        leases: InterpreterLeases,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        *,
        announcer: SessionNotifier,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.written = leases
        self._sessions = sessions
        self._connections = connections
        self._announcer = announcer
        self._clock = clock
        self._telemetry = telemetry

    @cached_property
    def ladder(self) -> InterpreterSuccession:
        return InterpreterSuccession(
            self.written,
            self._sessions,
            self._announcer,
            clock=self._clock,
            telemetry=self._telemetry,
        )

    def seats(self, seating: SeatLookup) -> InterpreterSeats:
        """Where interpreters sit down; what they give up goes by the ladder."""
        return InterpreterSeats(
            self.written,
            self._sessions,
            self._connections,
            ladder=self.ladder,
            seating=seating,
            clock=self._clock,
        )

    def renewals(self, seating: SeatLookup) -> LeaseRenewals:
        """What heartbeats renew."""
        return LeaseRenewals(
            self.written,
            self._sessions,
            seats=self.seats(seating),
            ladder=self.ladder,
            clock=self._clock,
        )

    def handover(self, seating: SeatLookup) -> InterpreterHandover:
        """What interpreters do by hand."""
        return InterpreterHandover(
            self.written,
            self._sessions,
            ladder=self.ladder,
            seats=self.seats(seating),
            seating=seating,
            clock=self._clock,
        )

    def watch(self, silence_seconds: int) -> LeaseWatch:
        """What the audio path sees of leases."""
        return LeaseWatch(
            self.written,
            self._sessions,
            self.ladder,
            silence_ms=silence_seconds * 1000,
            clock=self._clock,
            telemetry=self._telemetry,
        )
