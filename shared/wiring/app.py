"""App with the parts that most functions share; `connect` uses it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from shared.admission.abusive_connections import AbusiveConnections
from shared.admission.address_store import AbusiveAddressStore
from shared.admission.handshake_delays import HandshakeDelays
from shared.admission.queue_bound import QueueBound
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.interpreter_channels import InterpreterChannels
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.pending_notifications import PendingNotifications
from shared.data_access.session_statuses import SessionStatuses
from shared.data_access.sessions_repository import SessionsRepository
from shared.fanout.rosters import RosterCache, Rosters, RosterSource
from shared.interpretation.run_starter import RunStarter
from shared.interpretation.run_store import RunStore
from shared.models.delivery import ConnectionSender
from shared.services.broadcast_handler import BroadcastHandler, Measure, measure_fanout
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.connection_service import ConnectionService
from shared.services.sessions.interpreter_succession import InterpreterSuccession
from shared.services.sessions.leave_service import LeaveService
from shared.services.sessions.seat_lookup import SeatLookup
from shared.services.sessions.speaker_grace import GraceStarter, SpeakerGrace
from shared.services.sessions.token_rights import TokenRights
from shared.services.status.status_trigger import StatusTrigger
from shared.utils.clock import Clock, SystemClock
from shared.utils.identifiers import Identifiers, RandomIdentifiers
from shared.utils.settings import (
    TIMER_QUEUE_URL,
    FloorSettings,
    HandshakeSettings,
    InterpreterStartSettings,
    RightsSettings,
    SessionSettings,
    load,
)
from shared.utils.telemetry import PowertoolsTelemetry, Telemetry
from shared.wiring.aws_resources import AwsResources, Overrides


class App:
    """The parts of one function. Tests pass their own clock, telemetry and overrides.

    Reading a part raises SettingsError if the function lacks its settings.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
        identifiers: Identifiers | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        self._environment = environment
        self._overrides = overrides or Overrides()
        self._identifiers = identifiers or RandomIdentifiers()
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or PowertoolsTelemetry()
        self._aws = AwsResources(environment, self.clock, self._overrides)

    @property
    def settings(self) -> SessionSettings:
        return self._aws.settings

    @cached_property
    def connection_service(self) -> ConnectionService:
        return ConnectionService(self._connections)

    @cached_property
    def token_rights(self) -> TokenRights:
        settings = load(RightsSettings, self._environment)
        return TokenRights(self._connections, settings.token_tolerance_seconds)

    @cached_property
    def leave_service(self) -> LeaveService:
        return LeaveService(
            self._sessions, self._connections, self._succession, self._grace_starter
        )

    @cached_property
    def speaker_grace(self) -> SpeakerGrace:
        return SpeakerGrace(self._sessions, self._notifier, self.clock)

    @cached_property
    def abusive_connections(self) -> AbusiveConnections:
        return AbusiveConnections(
            self._aws.sender, self._abusive_addresses, self.clock, self.telemetry
        )

    @cached_property
    def join_bound(self) -> QueueBound:
        return QueueBound(self.clock, self.telemetry)

    @cached_property
    def handshake_delays(self) -> HandshakeDelays:
        settings = load(HandshakeSettings, self._environment)
        return HandshakeDelays(
            self._abusive_addresses,
            max_concurrent=settings.handshake_delays,
            sleep=self._aws.pause,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _sessions(self) -> SessionsRepository:
        return self._overrides.sessions or SessionsRepository(
            self._aws.sessions, self._status_trigger.on_counts_changed
        )

    @cached_property
    def _connections(self) -> ConnectionsRepository:
        return ConnectionsRepository(self._aws.connections)

    @cached_property
    def _channels(self) -> InterpreterChannels:
        return self._overrides.channels or InterpreterChannels(self._aws.sessions)

    @cached_property
    def _leases(self) -> InterpreterLeases:
        return InterpreterLeases(self._aws.sessions, self._aws.connections)

    @cached_property
    def _abusive_addresses(self) -> AbusiveAddressStore:
        return AbusiveAddressStore(self._aws.connections, self._identifiers.secret)

    @cached_property
    def _seat_lookup(self) -> SeatLookup:
        return SeatLookup(self._sessions, self._connections, self.leave_service)

    @cached_property
    def _succession(self) -> InterpreterSuccession:
        return InterpreterSuccession(
            self._channels,
            self._leases,
            self._sessions,
            self._notifier,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _grace_starter(self) -> GraceStarter | None:
        if TIMER_QUEUE_URL not in self._environment:
            return None
        settings = load(FloorSettings, self._environment)
        return GraceStarter(
            self._sessions,
            self._notifier,
            self._aws.timers(settings.timer_queue_url),
            grace_seconds=settings.speaker_grace_seconds,
            clock=self.clock,
        )

    @cached_property
    def _run_starter(self) -> RunStarter:
        settings = load(InterpreterStartSettings, self._environment)
        return RunStarter(
            RunStore(self._aws.sessions),
            self._aws.interpreter(settings.interpreter_function),
            identifiers=self._identifiers,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _status_trigger(self) -> StatusTrigger:
        timers = self._aws.status_timers(self.settings.status_queue_url)
        return StatusTrigger(
            SessionStatuses(self._aws.sessions), timers, self.clock, self.telemetry
        )

    @cached_property
    def _rosters(self) -> Rosters:
        return Rosters(self._connections)

    @cached_property
    def _roster_cache(self) -> RosterCache:
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roster")
        return RosterCache(self._rosters, executor, self.clock)

    @cached_property
    def _notifier(self) -> SessionNotifier:
        return SessionNotifier(
            self._broadcasts(self._rosters, self._aws.sender),
            self._rosters,
            self._connections,
            PendingNotifications(self._aws.sessions),
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
        # `leave_service` notifies through a fan-out itself, so it cannot be a constructor argument.
        self._roster_cache.forget(session_id, connection_id)
        self.leave_service.remove_gone(connection_id, self.clock.now_ms())
