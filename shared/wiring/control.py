"""App of the control function: sessions, seats, floor and interpreters."""

from __future__ import annotations

from functools import cached_property

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.replay import AnnouncementReplay
from shared.data_access.broadcast_states import BroadcastStates
from shared.data_access.rollovers import Rollovers
from shared.interpretation.session_interpretation import SessionInterpretation
from shared.interpretation.slot_store import SlotStore
from shared.services.sessions.authentication import Authentication
from shared.services.sessions.connection_rollover import ConnectionRollover
from shared.services.sessions.control_service import ControlService
from shared.services.sessions.heartbeat_service import HeartbeatService
from shared.services.sessions.interpreter_handover import InterpreterHandover
from shared.services.sessions.interpreter_seats import InterpreterSeats
from shared.services.sessions.join_service import JoinService
from shared.services.sessions.lease_renewals import LeaseRenewals
from shared.services.sessions.listener_seats import ListenerSeats
from shared.services.sessions.membership_service import MembershipService
from shared.services.sessions.session_service import SessionService
from shared.utils.settings import ControlSettings, load
from shared.wiring.app import App


class ControlApp(App):
    """The parts of the control function."""

    @cached_property
    def authentication(self) -> Authentication:
        return Authentication(self._connections, self._sessions, self._aws.verify, self.clock)

    @cached_property
    def heartbeat_service(self) -> HeartbeatService:
        renewals = LeaseRenewals(
            self._leases,
            self._sessions,
            seats=self._interpreter_seats,
            succession=self._succession,
            clock=self.clock,
        )
        return HeartbeatService(self._connections, self.connection_service, renewals, self.clock)

    @cached_property
    def session_service(self) -> SessionService:
        return SessionService(
            self._sessions,
            self._connections,
            self._seat_lookup,
            self._notifier,
            interpretation=self._interpretation,
            identifiers=self._identifiers,
            clock=self.clock,
            max_listeners=self.settings.max_listeners,
            connection_lifetime_ms=self._connection_lifetime_ms,
        )

    @cached_property
    def join_service(self) -> JoinService:
        return JoinService(
            self._sessions,
            self._connections,
            self._seat_lookup,
            self._notifier,
            leave_service=self.leave_service,
            sender=self._aws.sender,
            grace=self.speaker_grace,
            listeners=self._listener_seats,
            interpreters=self._interpreter_seats,
            rollover=self._connection_rollover,
            identifiers=self._identifiers,
            clock=self.clock,
            connection_lifetime_ms=self._connection_lifetime_ms,
        )

    @cached_property
    def membership_service(self) -> MembershipService:
        return MembershipService(
            self._sessions, self._connections, self._seat_lookup, self.leave_service
        )

    @cached_property
    def control_service(self) -> ControlService:
        return ControlService(
            BroadcastStates(self._aws.sessions), self._seat_lookup, self._notifier, self.clock
        )

    @cached_property
    def interpreter_handover(self) -> InterpreterHandover:
        return InterpreterHandover(
            self._channels,
            self._leases,
            self._sessions,
            succession=self._succession,
            seats=self._interpreter_seats,
            seat_lookup=self._seat_lookup,
            clock=self.clock,
        )

    @cached_property
    def announcement_replay(self) -> AnnouncementReplay:
        # A join waits for the replay, so its reads fail fast; a timer makes up for failed ones.
        table = self._aws.fail_fast_announcements
        return AnnouncementReplay(
            ActiveAnnouncements(table),
            AcknowledgementStore(table),
            DeliveryCounts(table),
            self._broadcasts(self._rosters, self._aws.sender),
            self._aws.announcement_timers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _listener_seats(self) -> ListenerSeats:
        return ListenerSeats(self._sessions, self._connections, self._seat_lookup, self.clock)

    @cached_property
    def _interpreter_seats(self) -> InterpreterSeats:
        return InterpreterSeats(
            self._channels,
            self._leases,
            self._sessions,
            self._connections,
            succession=self._succession,
            seat_lookup=self._seat_lookup,
            clock=self.clock,
        )

    @cached_property
    def _connection_rollover(self) -> ConnectionRollover:
        return ConnectionRollover(
            self._overrides.rollovers or Rollovers(self._aws.sessions, self._aws.connections),
            self._channels,
            self._sessions,
            self._connections,
            seat_lookup=self._seat_lookup,
            leave_service=self.leave_service,
            notifier=self._notifier,
            clock=self.clock,
        )

    @cached_property
    def _interpretation(self) -> SessionInterpretation:
        settings = load(ControlSettings, self._environment)
        slots = SlotStore(self._aws.sessions, settings.max_interpreted_sessions)
        return SessionInterpretation(slots, self._run_starter, settings.interpretation_engines)

    @property
    def _connection_lifetime_ms(self) -> int:
        return self.settings.connection_lifetime_seconds * 1000
