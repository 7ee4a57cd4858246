"""The composition root: builds what a function needs from its environment, and nothing else.

Every part is made at its first use, so a function needs only its own settings and grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from shared.admission.abusive_connections import AbusiveConnections
from shared.admission.address_store import AbusiveAddressStore
from shared.admission.handshake_delays import HandshakeDelays
from shared.data_access.broadcast_states import BroadcastStates
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.session_news import SessionNews
from shared.data_access.session_statuses import SessionStatuses
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.takeovers import Takeovers
from shared.fanout.rosters import RosterCache, Rosters, RosterSource
from shared.models.connection import Caller
from shared.models.delivery import ConnectionSender
from shared.services.broadcast_handler import BroadcastHandler, Measure, measure_fanout
from shared.services.session_notifier import CONTROL_DEADLINE_MS, SessionNotifier
from shared.services.sessions.authentication import Authentication
from shared.services.sessions.connection_rollover import ConnectionRollover
from shared.services.sessions.connection_service import ConnectionService
from shared.services.sessions.control_service import ControlService
from shared.services.sessions.heartbeat_service import HeartbeatService
from shared.services.sessions.interpreter_handover import InterpreterHandover
from shared.services.sessions.join_service import JoinService
from shared.services.sessions.leave_service import LeaveService
from shared.services.sessions.membership_service import MembershipService
from shared.services.sessions.seat_lookup import SeatLookup
from shared.services.sessions.session_service import SessionService
from shared.services.sessions.speaker_grace import FloorKeeper, SpeakerGrace
from shared.services.sessions.token_rights import TokenRights
from shared.services.status.status_sender import StatusSender
from shared.services.status.status_service import StatusService
from shared.services.status.status_trigger import StatusTrigger
from shared.services.status.status_updates import StatusUpdates
from shared.utils.clock import Clock, SystemClock
from shared.utils.identifiers import Identifiers, RandomIdentifiers
from shared.utils.settings import (
    TIMER_QUEUE_URL,
    FloorSettings,
    HandshakeSettings,
    RightsSettings,
    SessionSettings,
    load,
)
from shared.utils.telemetry import PowertoolsTelemetry, Telemetry
from shared.wiring.aws_resources import AwsResources, Overrides
from shared.wiring.interpreters import InterpreterParts
from shared.wiring.leases import LeaseParts


class App:
    """The parts of one function, wired from its environment.

    What a test wants to see or to steer is given here; the rest is what production has.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
        identifiers: Identifiers | None = None,
        sessions: SessionsRepository | None = None,
        takeovers: Takeovers | None = None,
        leases: InterpreterLeases | None = None,
        doubles: Overrides | None = None,
    ) -> None:
        self._environment = environment
        self._given_sessions = sessions
        self._given_takeovers = takeovers
        self._given_leases = leases
        self._identifiers = identifiers or RandomIdentifiers()
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or PowertoolsTelemetry()
        self._outside = AwsResources(environment, self.clock, doubles or Overrides())
        self._interpreters = InterpreterParts(
            environment,
            self._outside,
            identifiers=self._identifiers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @property
    def settings(self) -> SessionSettings:
        return self._outside.settings

    @cached_property
    def connection_service(self) -> ConnectionService:
        return ConnectionService(self._connections)

    @cached_property
    def token_rights(self) -> TokenRights:
        settings = load(RightsSettings, self._environment)
        return TokenRights(self._connections, settings.token_tolerance_seconds)

    @cached_property
    def authentication(self) -> Authentication:
        return Authentication(self._connections, self._sessions, self._outside.verify, self.clock)

    @cached_property
    def heartbeats(self) -> HeartbeatService:
        renewals = self._leases.renewals(self._seating)
        return HeartbeatService(self._connections, self.connection_service, renewals, self.clock)

    @cached_property
    def session_service(self) -> SessionService:
        return SessionService(
            self._sessions,
            self._connections,
            self._seating,
            self._announcer,
            interpretation=self._interpreters.for_sessions,
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
            self._seating,
            self._announcer,
            departures=self.departures,
            sender=self._outside.sender,
            grace=self.speaker_grace,
            interpreters=self._leases.seats(self._seating),
            takeover=self._seat_takeover,
            identifiers=self._identifiers,
            clock=self.clock,
            connection_lifetime_ms=self._connection_lifetime_ms,
        )

    @cached_property
    def _seat_takeover(self) -> ConnectionRollover:
        return ConnectionRollover(
            self._given_takeovers or Takeovers(self._outside.sessions, self._outside.connections),
            self._leases.written,
            self._sessions,
            self._connections,
            seating=self._seating,
            departures=self.departures,
            announcer=self._announcer,
            clock=self.clock,
        )

    @cached_property
    def interpreter_handover(self) -> InterpreterHandover:
        return self._leases.handover(self._seating)

    @cached_property
    def control_service(self) -> ControlService:
        return ControlService(
            BroadcastStates(self._outside.sessions), self._seating, self._announcer, self.clock
        )

    @cached_property
    def membership_service(self) -> MembershipService:
        return MembershipService(self._sessions, self._connections, self._seating, self.departures)

    @cached_property
    def departures(self) -> LeaveService:
        return LeaveService(
            self._sessions, self._connections, self._leases.ladder, self._floor_keeper
        )

    @cached_property
    def speaker_grace(self) -> SpeakerGrace:
        return SpeakerGrace(self._sessions, self._announcer, self.clock)

    @cached_property
    def status_service(self) -> StatusService:
        return StatusService(self._sessions, self._seating, self.clock, self.telemetry)

    @cached_property
    def status_updates(self) -> StatusUpdates:
        sender = StatusSender(
            self._outside.sender,
            remove_gone=self._remove_gone,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return StatusUpdates(
            SessionStatuses(self._outside.sessions),
            sender,
            self._status_trigger,
            self.clock,
            self.telemetry,
        )

    @cached_property
    def abusive_connections(self) -> AbusiveConnections:
        return AbusiveConnections(
            self._outside.sender, self._abusive_addresses, self.clock, self.telemetry
        )

    @cached_property
    def handshake_delays(self) -> HandshakeDelays:
        settings = load(HandshakeSettings, self._environment)
        return HandshakeDelays(
            self._abusive_addresses,
            at_once=settings.handshake_delays,
            pause=self._outside.pause,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _abusive_addresses(self) -> AbusiveAddressStore:
        return AbusiveAddressStore(self._outside.connections, self._identifiers.secret)

    def push_error(self, caller: Caller, body: bytes) -> None:
        """Send an error where the route has no response to carry it."""
        self._outside.sender.post(
            caller.connection_id, body, self.clock.now_ms() + CONTROL_DEADLINE_MS
        )

    @cached_property
    def _sessions(self) -> SessionsRepository:
        return self._given_sessions or SessionsRepository(
            self._outside.sessions, self._status_trigger.counted
        )

    @cached_property
    def _connections(self) -> ConnectionsRepository:
        return ConnectionsRepository(self._outside.connections)

    @cached_property
    def _leases(self) -> LeaseParts:
        return LeaseParts(
            self._given_leases or InterpreterLeases(self._outside.sessions),
            self._sessions,
            self._connections,
            announcer=self._announcer,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @property
    def _connection_lifetime_ms(self) -> int:
        return self.settings.connection_lifetime_seconds * 1000

    @cached_property
    def _floor_keeper(self) -> FloorKeeper | None:
        if TIMER_QUEUE_URL not in self._environment:
            return None
        settings = load(FloorSettings, self._environment)
        return FloorKeeper(
            self._sessions,
            self._announcer,
            self._outside.timers(settings.timer_queue_url),
            grace_seconds=settings.speaker_grace_seconds,
            clock=self.clock,
        )

    @cached_property
    def _status_trigger(self) -> StatusTrigger:
        timers = self._outside.status_timers(self.settings.status_queue_url)
        return StatusTrigger(
            SessionStatuses(self._outside.sessions), timers, self.clock, self.telemetry
        )

    @cached_property
    def _rosters(self) -> Rosters:
        return Rosters(self._connections)

    @cached_property
    def _roster_cache(self) -> RosterCache:
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roster")
        return RosterCache(self._rosters, executor, self.clock)

    @cached_property
    def _seating(self) -> SeatLookup:
        return SeatLookup(self._sessions, self._connections, self.departures)

    @cached_property
    def _announcer(self) -> SessionNotifier:
        return SessionNotifier(
            self._broadcasts(self._rosters, self._outside.sender),
            self._rosters,
            self._connections,
            SessionNews(self._outside.sessions),
            self.clock,
        )

    def _broadcasts(
        self,
        rosters: RosterSource,
        sender: ConnectionSender,
        measure: Measure = measure_fanout,
    ) -> BroadcastHandler:
        return BroadcastHandler(
            sender,
            rosters,
            remove_gone=self._remove_gone,
            clock=self.clock,
            telemetry=self.telemetry,
            measure=measure,
        )

    def _remove_gone(self, session_id: str, connection_id: str) -> None:
        # What the fan-out finds is dealt with by what itself fans out: hence not at construction.
        self._roster_cache.forget(session_id, connection_id)
        self.departures.remove_gone(connection_id, self.clock.now_ms())
