"""What a function reaches outside itself: tables, connections, other functions, queues."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.aws import clients
from shared.aws.secret_reader import SecretReader
from shared.aws.timer_queue import TimerQueue
from shared.data_access.table import Table
from shared.fanout.connection_gateway import ConnectionGateway
from shared.fanout.function_invoker import LambdaInvoker
from shared.fanout.sharded_sender import FunctionInvoker, ShardedSender
from shared.models import schema
from shared.models.delivery import ConnectionSender
from shared.models.timers import GraceOver, StatusDue, Timers
from shared.utils.clock import Clock
from shared.utils.identity import Identity, Verify
from shared.utils.settings import (
    AnnouncementTableSettings,
    ConnectSettings,
    DevicesSettings,
    DeviceSyncSettings,
    FanoutSettings,
    IssuerSettings,
    SenderSettings,
    SessionSettings,
    load,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a test puts in the place of AWS; None leaves AWS there."""

    sender: ConnectionSender | None = None
    invoker: FunctionInvoker | None = None
    disconnect: FunctionInvoker | None = None
    interpreter: FunctionInvoker | None = None
    timers: Timers[GraceOver] | None = None
    status_timers: Timers[StatusDue] | None = None
    announcement_timers: Timers[ReplayDue | RedeliveryPass] | None = None
    dynamodb: DynamoDBClient | None = None
    sync_secret: Callable[[], str] | None = None
    verify: Verify | None = None
    pause: Callable[[float], None] | None = None


class AwsResources:
    """Makes each at its first use, so a function needs only its own settings and grants."""

    def __init__(self, environment: Mapping[str, str], clock: Clock, doubles: Overrides) -> None:
        self._environment = environment
        self._clock = clock
        self._doubles = doubles

    @cached_property
    def settings(self) -> SessionSettings:
        """Those of most functions. Raises SettingsError."""
        return load(SessionSettings, self._environment)

    @cached_property
    def sessions(self) -> Table:
        """The table of sessions."""
        return self.sessions_named(self.settings.sessions_table)

    def sessions_named(self, table: str) -> Table:
        """The same, for who is given nothing but its name."""
        return Table(self._dynamodb, table, schema.SESSION_ID)

    @cached_property
    def connections(self) -> Table:
        """The table of connections; its name is all that the connect function is given."""
        return self._connections(self._dynamodb)

    @cached_property
    def connections_at_once(self) -> Table:
        """The same, for requests that are tried once and not waited for."""
        return self._connections(self._impatient_dynamodb)

    @cached_property
    def devices(self) -> Table:
        """The table of devices."""
        table = load(DevicesSettings, self._environment).devices_table
        return Table(self._dynamodb, table, (schema.USER_ID, schema.DEVICE_ITEM))

    def verify(self, token: str) -> Identity:
        """Whose token it is. Raises InvalidTokenError and IssuerUnreachableError."""
        return self._verify(token)

    @cached_property
    def _verify(self) -> Verify:
        if self._doubles.verify is not None:
            return self._doubles.verify
        # The import takes some 60 ms, and only a renewed token needs it.
        from shared.utils.tokens import TokenVerifier  # noqa: PLC0415

        settings = load(IssuerSettings, self._environment)
        return TokenVerifier(settings.token_issuer, settings.token_client_id).verify

    @cached_property
    def sync_secret(self) -> Callable[[], str]:
        """Reads what the bus outside signs with."""
        secret_id = load(DeviceSyncSettings, self._environment).sync_secret_id
        return self._doubles.sync_secret or SecretReader(clients.secrets_client, secret_id)

    @cached_property
    def announcements(self) -> Table:
        """The table of announcements."""
        return self._announcements(self._dynamodb)

    @cached_property
    def announcements_at_once(self) -> Table:
        """The same, for who would rather do without than wait."""
        return self._announcements(self._impatient_dynamodb)

    @cached_property
    def sender(self) -> ConnectionSender:
        """The way to clients."""
        if self._doubles.sender is not None:
            return self._doubles.sender
        settings = load(SenderSettings, self._environment)
        return ConnectionGateway(
            settings.api_gateway_endpoint,
            clients.region(),
            clients.credentials_source(),
            concurrency=settings.fanout_concurrency,
            clock=self._clock,
        )

    @cached_property
    def sharded_sender(self) -> ConnectionSender:
        """The way to clients for audio, with the help of other functions for large audiences."""
        settings = load(FanoutSettings, self._environment)
        invoker = self._doubles.invoker or self._invoker_of(
            settings.broadcast_function, asynchronous=False
        )
        return ShardedSender(self.sender, invoker, shard_size=settings.shard_size)

    def disconnect(self, function: str) -> FunctionInvoker:
        """The way to the function that cleans up, whose answer nobody waits for."""
        return self._doubles.disconnect or self._invoker_of(function, asynchronous=True)

    def interpreter(self, function: str) -> FunctionInvoker:
        """The way to the function that interprets sessions, whose end nobody waits for."""
        return self._doubles.interpreter or self._invoker_of(function, asynchronous=True)

    def timers(self, queue_url: str) -> Timers[GraceOver]:
        """The timers of absent speakers."""
        return self._doubles.timers or TimerQueue(clients.sqs_client, queue_url)

    def status_timers(self, queue_url: str) -> Timers[StatusDue]:
        """The timers of statuses."""
        return self._doubles.status_timers or TimerQueue(clients.sqs_client, queue_url)

    @property
    def pause(self) -> Callable[[float], None]:
        """Waits for so many seconds."""
        return self._doubles.pause or time.sleep

    @cached_property
    def announcement_timers(self) -> Timers[ReplayDue | RedeliveryPass]:
        """What of announcements is done later."""
        settings = load(AnnouncementTableSettings, self._environment)
        return self._doubles.announcement_timers or TimerQueue(
            clients.sqs_client, settings.announcement_queue_url
        )

    def _announcements(self, client: DynamoDBClient) -> Table:
        settings = load(AnnouncementTableSettings, self._environment)
        return Table(client, settings.announcements_table, schema.ANNOUNCEMENT_KEY)

    def _connections(self, client: DynamoDBClient) -> Table:
        table = load(ConnectSettings, self._environment).connections_table
        return Table(client, table, schema.CONNECTION_ID)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        return self._doubles.dynamodb or clients.dynamodb_client()

    @cached_property
    def _impatient_dynamodb(self) -> DynamoDBClient:
        return self._doubles.dynamodb or clients.impatient_dynamodb_client()

    def _invoker_of(self, function: str, *, asynchronous: bool) -> LambdaInvoker:
        return LambdaInvoker(
            clients.lambda_endpoint(),
            clients.region(),
            clients.credentials_source(),
            function,
            clock=self._clock,
            asynchronous=asynchronous,
        )
