"""AWS resources: tables, connection gateway, functions, queues and secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

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

    from shared.announcements.timers import RedeliveryPass, ReplayDue
    from shared.data_access.dynamodb_client import DynamoDbClient
    from shared.data_access.interpreter_channels import InterpreterChannels
    from shared.data_access.rollovers import Rollovers
    from shared.data_access.sessions_repository import SessionsRepository


class Overrides(msgspec.Struct, frozen=True):
    """Parts that a test supplies; None means the production part."""

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
    sessions: SessionsRepository | None = None
    rollovers: Rollovers | None = None
    channels: InterpreterChannels | None = None


class AwsResources:
    """Builds each resource on first use.

    Reading a resource raises SettingsError if the function lacks its settings.
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock, overrides: Overrides) -> None:
        self._environment = environment
        self._clock = clock
        self._overrides = overrides

    @cached_property
    def settings(self) -> SessionSettings:
        """Settings that most functions share."""
        return load(SessionSettings, self._environment)

    @cached_property
    def sessions(self) -> Table:
        """Sessions table."""
        return self.sessions_named(self.settings.sessions_table)

    def sessions_named(self, table: str) -> Table:
        """Sessions table, for functions without the other session settings."""
        return Table(self._dynamodb, table, schema.SESSION_ID)

    @cached_property
    def connections(self) -> Table:
        """Connections table. Needs only the setting of its name."""
        return self._connections_over(self._dynamodb)

    @cached_property
    def fail_fast_connections(self) -> Table:
        """Connections table with a short time-out and no retry."""
        return self._connections_over(self._fail_fast_dynamodb)

    @cached_property
    def devices(self) -> Table:
        """Devices table."""
        table = load(DevicesSettings, self._environment).devices_table
        return Table(self._dynamodb, table, (schema.USER_ID, schema.DEVICE_ITEM))

    @cached_property
    def announcements(self) -> Table:
        """Announcements table."""
        return self._announcements_over(self._dynamodb)

    @cached_property
    def fail_fast_announcements(self) -> Table:
        """Announcements table with a short time-out and no retry."""
        return self._announcements_over(self._fail_fast_dynamodb)

    @cached_property
    def sender(self) -> ConnectionSender:
        """Sender to clients."""
        if self._overrides.sender is not None:
            return self._overrides.sender
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
        """Sender to clients that splits a large audience among `broadcast` invocations."""
        settings = load(FanoutSettings, self._environment)
        invoker = self._overrides.invoker or self._invoker_of(
            settings.broadcast_function, asynchronous=False
        )
        return ShardedSender(
            self.sender, invoker, shard_size=settings.shard_size, clock=self._clock
        )

    def disconnect(self, function: str) -> FunctionInvoker:
        """Asynchronous invoker of the disconnect function."""
        return self._overrides.disconnect or self._invoker_of(function, asynchronous=True)

    def interpreter(self, function: str) -> FunctionInvoker:
        """Asynchronous invoker of the interpreter function."""
        return self._overrides.interpreter or self._invoker_of(function, asynchronous=True)

    def timers(self, queue_url: str) -> Timers[GraceOver]:
        """Grace period timers."""
        return self._overrides.timers or TimerQueue(clients.sqs_client, queue_url)

    def status_timers(self, queue_url: str) -> Timers[StatusDue]:
        """Status timers."""
        return self._overrides.status_timers or TimerQueue(clients.sqs_client, queue_url)

    @cached_property
    def announcement_timers(self) -> Timers[ReplayDue | RedeliveryPass]:
        """Announcement replay and redelivery timers."""
        settings = load(AnnouncementTableSettings, self._environment)
        return self._overrides.announcement_timers or TimerQueue(
            clients.sqs_client, settings.announcement_queue_url
        )

    @cached_property
    def sync_secret(self) -> Callable[[], str]:
        """Reader of the secret that signs device sync webhooks."""
        secret_id = load(DeviceSyncSettings, self._environment).sync_secret_id
        return self._overrides.sync_secret or SecretReader(clients.secrets_client, secret_id)

    @property
    def pause(self) -> Callable[[float], None]:
        """Sleep for a number of seconds."""
        return self._overrides.pause or time.sleep

    def verify(self, token: str) -> Identity:
        """Verify an access token. Raises InvalidTokenError and IssuerUnreachableError."""
        return self._verify(token)

    @cached_property
    def _verify(self) -> Verify:
        if self._overrides.verify is not None:
            return self._overrides.verify
        # Imported late: it takes about 60 ms, and only token renewals need it.
        from shared.utils.tokens import TokenVerifier  # noqa: PLC0415

        settings = load(IssuerSettings, self._environment)
        return TokenVerifier(settings.token_issuer, settings.token_client_id).verify

    def _announcements_over(self, client: DynamoDBClient | DynamoDbClient) -> Table:
        settings = load(AnnouncementTableSettings, self._environment)
        return Table(client, settings.announcements_table, schema.ANNOUNCEMENT_KEY)

    def _connections_over(self, client: DynamoDBClient | DynamoDbClient) -> Table:
        table = load(ConnectSettings, self._environment).connections_table
        return Table(client, table, schema.CONNECTION_ID)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient | DynamoDbClient:
        return self._overrides.dynamodb or clients.dynamodb_client()

    @cached_property
    def _fail_fast_dynamodb(self) -> DynamoDBClient | DynamoDbClient:
        return self._overrides.dynamodb or clients.fail_fast_dynamodb_client()

    def _invoker_of(self, function: str, *, asynchronous: bool) -> LambdaInvoker:
        return LambdaInvoker(
            clients.lambda_endpoint(),
            clients.region(),
            clients.credentials_source(),
            function,
            clock=self._clock,
            asynchronous=asynchronous,
        )
