"""The stack as this package runs it: what the template says, resolved and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shared.utils.token_bucket import Budget


@dataclass(frozen=True, slots=True)
class Statement:
    """What a role allows: exact actions, on resources whose ARNs may hold `*` and `?`."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a function may do, by the name that errors of AWS give it."""

    name: str
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function."""

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    environment: Mapping[str, str]
    timeout_seconds: int
    memory_mb: int
    role: Role
    #: Other names of it, each of its one version: `<name>:<alias>`, and its ARN likewise.
    aliases: tuple[str, ...] = ()

    @property
    def arns(self) -> tuple[str, ...]:
        """What callers may name it by: its own ARN, and those of its aliases."""
        return (self.arn, *(f"{self.arn}:{alias}" for alias in self.aliases))

    @property
    def modules(self) -> tuple[str, ...]:
        """The handler's parts: packages, module, attribute."""
        return tuple(self.handler.replace("/", ".").split("."))


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the WebSocket API; `replies` if the function's result goes to the client."""

    key: str
    function: str
    replies: bool


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """What a handshake must have before the authorizer is asked: a header, or a query parameter."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class WebSocketApi:
    """The WebSocket API with its one stage. Functions are named by their names."""

    api_id: str
    stage: str
    # The field of a message's body that names the route.
    action_field: str
    routes: Mapping[str, Route]
    authorizer: str | None
    identity_sources: tuple[IdentitySource, ...] = ()
    # Requests a second and at once: of single routes by key, and of each of the others.
    throttles: Mapping[str, Budget] = field(default_factory=dict)
    default_throttle: Budget | None = None


@dataclass(frozen=True, slots=True)
class JwtAuthorizer:
    """Whose tokens a route of the HTTP API takes, and for whom they must be."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One route of the HTTP API; without an authorizer it takes any request."""

    key: str
    function: str
    authorizer: JwtAuthorizer | None = None


@dataclass(frozen=True, slots=True)
class HttpApi:
    """The HTTP API with its one stage; routes by key (`POST /path`, `ANY /path`, `$default`)."""

    api_id: str
    stage: str
    routes: Mapping[str, HttpRoute]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret with the value that it has on this machine."""

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
    expires_at: str | None = None  # the attribute that says when a row may be deleted


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Where a queue's message goes after it was received `max_receive_count` times."""

    queue: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A standard SQS queue; `delay_seconds` is for messages that name none themselves.

    A message is dropped `retention_seconds` after it was sent.
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

    `report_failures`: the function says which messages of a batch are to come again.
    `max_concurrency`: how many batches are with the function at a time.
    """

    queue: str
    function: str
    batch_size: int = 10
    batching_window_seconds: int = 0
    report_failures: bool = False
    max_concurrency: int = 5


@dataclass(frozen=True, slots=True)
class ScheduleTarget:
    """What a rule invokes or sends to, by name; `constant` is JSON in place of the rule's event."""

    kind: Literal["function", "queue"]
    name: str
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule that runs by the clock."""

    name: str
    arn: str
    period_seconds: int
    targets: tuple[ScheduleTarget, ...]


@dataclass(frozen=True, slots=True)
class UserPool:
    """The user pool as tokens show it."""

    pool_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class AwsEnvironment:
    """Where the stack pretends to be: the values of CloudFormation's pseudo parameters."""

    region: str = "eu-central-1"
    account: str = "000000000000"
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"

    def management_url(self, api_id: str, stage: str) -> str:
        """The deployed address of @connections and, with wss, of the WebSocket API."""
        return f"https://{self.api_host(api_id)}/{stage}"

    def issuer_url(self, pool_id: str) -> str:
        """The deployed issuer of a user pool's tokens."""
        return f"https://cognito-idp.{self.region}.{self.url_suffix}/{pool_id}"

    def queue_url(self, name: str) -> str:
        """The deployed address of a queue, which SQS knows it by."""
        return f"https://sqs.{self.region}.{self.url_suffix}/{self.account}/{name}"

    def api_host(self, api_id: str) -> str:
        """The deployed host of an API."""
        return f"{api_id}.execute-api.{self.region}.{self.url_suffix}"

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything there is to run."""

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
