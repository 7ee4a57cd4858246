"""The composition root: builds what a function needs from its environment, and nothing else.

Every part is made at its first use, so a function needs only its own settings and grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from shared.data_access.active_sessions import ActiveSessions
from shared.data_access.broadcast_states import BroadcastStates
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.findings import Findings
from shared.data_access.idle_connections import IdleConnections
from shared.data_access.member_rows import MemberRows
from shared.data_access.session_statuses import SessionStatuses
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.data_access.takeovers import Takeovers
from shared.data_access.timer_queue import TimerQueue
from shared.models import schema
from shared.models.connection import Caller
from shared.models.delivery import ConnectionSender
from shared.models.timers import GraceOver, StatusDue, Timers
from shared.services.announcer import CONTROL_DEADLINE_MS, Announcer
from shared.services.audience import RosterCache, Rosters, RosterSource
from shared.services.audio_service import AudioService
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.broadcast_service import BroadcastService
from shared.services.connection_gateway import ConnectionGateway
from shared.services.connection_service import ConnectionService
from shared.services.control_service import ControlService
from shared.services.departures import Departures
from shared.services.function_invoker import LambdaInvoker
from shared.services.grace_sweep import GraceSweep
from shared.services.idle_sweep import IdleSweep
from shared.services.join_service import JoinService
from shared.services.membership_service import MembershipService
from shared.services.reconciliation import Reconciliation
from shared.services.seat_takeover import SeatTakeover
from shared.services.seating import Seating
from shared.services.session_service import SessionService
from shared.services.shard_service import ShardService
from shared.services.sharded_sender import FunctionInvoker, ShardedSender
from shared.services.speaker_grace import FloorKeeper, SpeakerGrace
from shared.services.status_sender import StatusSender
from shared.services.status_service import StatusService
from shared.services.status_trigger import StatusTrigger
from shared.services.status_updates import StatusUpdates
from shared.utils import aws_clients
from shared.utils.clock import Clock, SystemClock
from shared.utils.identifiers import Identifiers, RandomIdentifiers
from shared.utils.settings import (
    TIMER_QUEUE_URL,
    ConnectSettings,
    FanoutSettings,
    FloorSettings,
    SessionSettings,
    SweepSettings,
    load,
)
from shared.utils.telemetry import PowertoolsTelemetry, Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
        sender: ConnectionSender | None = None,
        invoker: FunctionInvoker | None = None,
        disconnect: FunctionInvoker | None = None,
        timers: Timers[GraceOver] | None = None,
        status_timers: Timers[StatusDue] | None = None,
        sessions: SessionsRepository | None = None,
        takeovers: Takeovers | None = None,
    ) -> None:
        self._environment = environment
        self._given_sender = sender
        self._given_invoker = invoker
        self._given_disconnect = disconnect
        self._given_timers = timers
        self._given_status_timers = status_timers
        self._given_sessions = sessions
        self._given_takeovers = takeovers
        self._identifiers = identifiers or RandomIdentifiers()
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or PowertoolsTelemetry()

    @cached_property
    def settings(self) -> SessionSettings:
        return load(SessionSettings, self._environment)

    @cached_property
    def connection_service(self) -> ConnectionService:
        return ConnectionService(self._connections, self.clock)

    @cached_property
    def session_service(self) -> SessionService:
        return SessionService(
            self._sessions,
            self._connections,
            self._seating,
            self._announcer,
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
            sender=self._sender,
            grace=self.speaker_grace,
            takeover=self._seat_takeover,
            identifiers=self._identifiers,
            clock=self.clock,
            connection_lifetime_ms=self._connection_lifetime_ms,
        )

    @cached_property
    def _seat_takeover(self) -> SeatTakeover:
        return SeatTakeover(
            self._given_takeovers or Takeovers(self._sessions_table, self._connections_table),
            self._sessions,
            self._connections,
            seating=self._seating,
            departures=self.departures,
            announcer=self._announcer,
            clock=self.clock,
        )

    @cached_property
    def control_service(self) -> ControlService:
        return ControlService(self._broadcast_states, self._seating, self._announcer, self.clock)

    @cached_property
    def membership_service(self) -> MembershipService:
        return MembershipService(self._sessions, self._connections, self._seating, self.departures)

    @cached_property
    def departures(self) -> Departures:
        return Departures(self._sessions, self._connections, self._announcer, self._floor_keeper)

    @cached_property
    def speaker_grace(self) -> SpeakerGrace:
        return SpeakerGrace(self._sessions, self._announcer, self.clock)

    @cached_property
    def idle_sweep(self) -> IdleSweep:
        settings = load(SweepSettings, self._environment)
        # As many claims at once as there are connections to the database.
        executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="claims")
        return IdleSweep(
            IdleConnections(self._connections_table),
            self._sender,
            self._given_disconnect
            or self._invoker_of(settings.disconnect_handler_function, asynchronous=True),
            idle_seconds=settings.connection_idle_timeout_seconds,
            clock=self.clock,
            telemetry=self.telemetry,
            spread=executor.map,
        )

    @cached_property
    def grace_sweep(self) -> GraceSweep:
        return GraceSweep(
            ActiveSessions(self._sessions_table), self.speaker_grace, self.clock, self.telemetry
        )

    @cached_property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(
            ActiveSessions(self._sessions_table),
            self._sessions,
            self._connections,
            rows=MemberRows(self._connections_table),
            findings=Findings(self._sessions_table),
            announcer=self._announcer,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def audio_service(self) -> AudioService:
        return AudioService(
            self._sessions,
            self._connections,
            self._broadcasts(self._roster_cache, self._sharded_sender),
            self._roster_cache,
            self.clock,
        )

    @cached_property
    def broadcast_service(self) -> BroadcastService:
        return BroadcastService(
            self._sessions, self._broadcasts(self._rosters, self._sharded_sender), self.clock
        )

    @cached_property
    def shard_service(self) -> ShardService:
        return ShardService(self._sender)

    @cached_property
    def status_service(self) -> StatusService:
        return StatusService(self._seating, self.clock, self.telemetry)

    @cached_property
    def status_updates(self) -> StatusUpdates:
        sender = StatusSender(
            self._sender,
            remove_gone=self._remove_gone,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return StatusUpdates(
            self._statuses, sender, self._status_trigger, self.clock, self.telemetry
        )

    def push_error(self, caller: Caller, body: bytes) -> None:
        """Send an error where the route has no response to carry it."""
        self._sender.post(caller.connection_id, body, self.clock.now_ms() + CONTROL_DEADLINE_MS)

    @cached_property
    def _sessions(self) -> SessionsRepository:
        return self._given_sessions or SessionsRepository(
            self._sessions_table, self._status_trigger.counted
        )

    @cached_property
    def _broadcast_states(self) -> BroadcastStates:
        return BroadcastStates(self._sessions_table)

    @cached_property
    def _statuses(self) -> SessionStatuses:
        return SessionStatuses(self._sessions_table)

    @cached_property
    def _connections(self) -> ConnectionsRepository:
        return ConnectionsRepository(self._connections_table)

    @cached_property
    def _sessions_table(self) -> Table:
        return Table(self._dynamodb, self.settings.sessions_table, schema.SESSION_ID)

    @cached_property
    def _connections_table(self) -> Table:
        # All that the connect function is given is this table's name.
        table = load(ConnectSettings, self._environment).connections_table
        return Table(self._dynamodb, table, schema.CONNECTION_ID)

    @property
    def _connection_lifetime_ms(self) -> int:
        return self.settings.connection_lifetime_seconds * 1000

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        return aws_clients.dynamodb_client()

    @cached_property
    def _sender(self) -> ConnectionSender:
        return self._given_sender or ConnectionGateway(
            self.settings.api_gateway_endpoint,
            aws_clients.region(),
            aws_clients.credentials_source(),
            concurrency=self.settings.fanout_concurrency,
            clock=self.clock,
        )

    @cached_property
    def _sharded_sender(self) -> ConnectionSender:
        settings = load(FanoutSettings, self._environment)
        invoker = self._given_invoker or self._invoker_of(settings.broadcast_function)
        return ShardedSender(self._sender, invoker, shard_size=settings.shard_size)

    def _invoker_of(self, function: str, *, asynchronous: bool = False) -> FunctionInvoker:
        return LambdaInvoker(
            aws_clients.lambda_endpoint(),
            aws_clients.region(),
            aws_clients.credentials_source(),
            function,
            clock=self.clock,
            asynchronous=asynchronous,
        )

    @cached_property
    def _floor_keeper(self) -> FloorKeeper | None:
        if TIMER_QUEUE_URL not in self._environment:
            return None
        settings = load(FloorSettings, self._environment)
        return FloorKeeper(
            self._sessions,
            self._announcer,
            self._given_timers or TimerQueue(aws_clients.sqs_client, settings.timer_queue_url),
            grace_seconds=settings.speaker_grace_seconds,
            clock=self.clock,
        )

    @cached_property
    def _status_trigger(self) -> StatusTrigger:
        timers = self._given_status_timers or TimerQueue(
            aws_clients.sqs_client, self.settings.status_queue_url
        )
        return StatusTrigger(self._statuses, timers, self.clock, self.telemetry)

    @cached_property
    def _rosters(self) -> Rosters:
        return Rosters(self._connections)

    @cached_property
    def _roster_cache(self) -> RosterCache:
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roster")
        return RosterCache(self._rosters, executor, self.clock)

    @cached_property
    def _seating(self) -> Seating:
        return Seating(self._sessions, self._connections, self.departures)

    @cached_property
    def _announcer(self) -> Announcer:
        return Announcer(
            self._broadcasts(self._rosters, self._sender),
            self._rosters,
            self._connections,
            self.clock,
        )

    def _broadcasts(self, rosters: RosterSource, sender: ConnectionSender) -> BroadcastHandler:
        return BroadcastHandler(
            sender,
            rosters,
            remove_gone=self._remove_gone,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _remove_gone(self, session_id: str, connection_id: str) -> None:
        # What the fan-out finds is dealt with by what itself fans out: hence not at construction.
        self._roster_cache.forget(session_id, connection_id)
        self.departures.remove(connection_id)
