"""The model of a stack: the template's resources, resolved and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shared.utils.token_bucket import Budget


@dataclass(frozen=True, slots=True)
class Statement:
    """Actions that a role allows on resources; both may contain the wildcards `*` and `?`."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A function's role; AWS's error messages contain its name."""

    name: str
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function."""

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    environment: Mapping[str, str]
    timeout_seconds: int
    memory_mb: int
    role: Role
    #: Alias names; callers use `<name>:<alias>` or `<arn>:<alias>`.
    aliases: tuple[str, ...] = ()

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the function and of its aliases."""
        return (self.arn, *(f"{self.arn}:{alias}" for alias in self.aliases))

    @property
    def modules(self) -> tuple[str, ...]:
        """The components of the handler: packages, module, attribute."""
        return tuple(self.handler.replace("/", ".").split("."))


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the WebSocket API; `replies` if the client gets the function's result."""

    key: str
    function: str
    replies: bool


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """A header or query parameter without which API Gateway does not call the authorizer."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class WebSocketApi:
    """The WebSocket API with its only stage; `authorizer` is a function's name."""

    api_id: str
    stage: str
    # The field of a message that selects the route.
    action_field: str
    routes: Mapping[str, Route]
    authorizer: str | None
    identity_sources: tuple[IdentitySource, ...] = ()
    # Rate and burst limits: of some routes, by key, and the default for all others.
    throttles: Mapping[str, Budget] = field(default_factory=dict)
    default_throttle: Budget | None = None


@dataclass(frozen=True, slots=True)
class JwtAuthorizer:
    """The token issuer and the audiences that a route of the HTTP API accepts."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """A route of the HTTP API; without an authorizer it accepts any request."""

    key: str
    function: str
    authorizer: JwtAuthorizer | None = None


@dataclass(frozen=True, slots=True)
class HttpApi:
    """The HTTP API with its only stage; routes by key (`POST /path`, `ANY /path`, `$default`)."""

    api_id: str
    stage: str
    routes: Mapping[str, HttpRoute]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret with its local value."""

    name: str
    arn: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """An attribute of a key; `kind` is HASH or RANGE."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index; `non_key` are the attributes of an INCLUDE projection."""

    name: str
    keys: tuple[KeyAttribute, ...]
    projection: str
    non_key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table; `attributes` gives the types (S, N, B) of all key attributes."""

    name: str
    keys: tuple[KeyAttribute, ...]
    attributes: Mapping[str, str]
    indexes: tuple[Index, ...]
    expires_at: str | None = None  # the time-to-live attribute


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """The dead-letter queue for messages received `max_receive_count` times."""

    queue: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A standard SQS queue.

    `delay_seconds` is the default of messages without their own delay. Messages expire
    `retention_seconds` after they were sent.
    """

    name: str
    arn: str
    delay_seconds: int = 0
    visibility_timeout_seconds: int = 30
    retention_seconds: int = 345_600
    dead_letters: RedrivePolicy | None = None


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """A queue whose messages invoke a function, both by name.

    `report_failures`: the function reports which messages of a batch to retry.
    `max_concurrency`: maximum number of concurrent batches.
    """

    queue: str
    function: str
    batch_size: int = 10
    batching_window_seconds: int = 0
    report_failures: bool = False
    max_concurrency: int = 5


@dataclass(frozen=True, slots=True)
class ScheduleTarget:
    """A rule's target function or queue, by name; `constant` is JSON that replaces the event."""

    kind: Literal["function", "queue"]
    name: str
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """An EventBridge rule with a fixed rate."""

    name: str
    arn: str
    period_seconds: int
    targets: tuple[ScheduleTarget, ...]


@dataclass(frozen=True, slots=True)
class UserPool:
    """The Cognito user pool: its id and its client's id, as in tokens."""

    pool_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class AwsEnvironment:
    """The simulated account, Region and partition: CloudFormation's pseudo parameters."""

    region: str = "eu-central-1"
    account: str = "000000000000"
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"

    def management_url(self, api_id: str, stage: str) -> str:
        """Deployed URL of @connections and, with the scheme wss, of the WebSocket API."""
        return f"https://{self.api_host(api_id)}/{stage}"

    def issuer_url(self, pool_id: str) -> str:
        """Deployed issuer URL of a user pool's tokens."""
        return f"https://cognito-idp.{self.region}.{self.url_suffix}/{pool_id}"

    def queue_url(self, name: str) -> str:
        """Deployed URL of a queue, by which SQS identifies it."""
        return f"https://sqs.{self.region}.{self.url_suffix}/{self.account}/{name}"

    def api_host(self, api_id: str) -> str:
        """Deployed host of an API."""
        return f"{api_id}.execute-api.{self.region}.{self.url_suffix}"

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Stack:
    """All resources of a stack that the local stack runs."""

    name: str
    aws: AwsEnvironment
    functions: Mapping[str, Function]
    websocket: WebSocketApi
    tables: tuple[Table, ...]
    user_pool: UserPool | None
    queues: tuple[Queue, ...] = ()
    event_source_mappings: tuple[EventSourceMapping, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    http: HttpApi | None = None
    secrets: tuple[Secret, ...] = ()
