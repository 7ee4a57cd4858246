"""What differs between stages, and how things are called in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from infrastructure.catalogue.routes import ROUTES
from infrastructure.stage import throttles
from infrastructure.stage.throttles import Throttle
from shared.protocol.requests import ThrottleClass
from shared.utils.settings import HANDSHAKE_DELAYS

PROJECT = "lingocast"


# The function that is reserved as many executions as the account has streams.
INTERPRETER = "interpreter"
# Transcribe's default quota of concurrent streams:
# https://docs.aws.amazon.com/general/latest/gr/transcribe.html
TRANSCRIBE_STREAMS = 25


class ConfigError(Exception):
    """The app was asked for something that it cannot synthesize; the message says what it can."""


class UnknownStageError(ConfigError):
    """There is no stage of that name; the message lists those that exist."""


class Delivery(Enum):
    """How new code reaches callers."""

    # Callers name functions by themselves: the next invocation has the new code.
    PLAIN = "plain"
    # A tenth of the invocations for ten minutes, then all; an alarm takes it back.
    CANARY = "canary"
    # All at once, whatever alarms say: for a fix that is to end an alarm.
    AT_ONCE = "at-once"


class GatewayLogRole(Enum):
    """Who sets the role by which API Gateway writes logs: one of a whole account and Region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """

    # The stack does, in place of what was set before. Both role and setting outlive the stack:
    # other APIs, other stages of this one among them, may rely on them by then.
    CREATE = "create"
    # Somebody has: an organization's base stack, say.
    EXISTING = "existing"
    # Nobody, so the API writes no logs.
    OFF = "off"


class ConnectIdentity(Enum):
    """What a handshake must bring so that API Gateway asks the authorizer about it; else it is 401.

    Listeners may come without a token, so it must be nothing, or what every client sends.
    """

    # CreateAuthorizer lists the identity source as required and calls it optional for REQUEST
    # authorizers; whether a WebSocket API takes an empty list, only AWS can say (`make smoke`):
    # https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html
    NONE = "none"
    # HTTP/1.1 requires it of every request: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    HOST = "host"

    @property
    def sources(self) -> tuple[str, ...]:
        """As the authorizer lists them."""
        return ("route.request.header.Host",) if self is ConnectIdentity.HOST else ()


@dataclass(frozen=True)
class CustomDomain:
    """Where clients find the WebSocket API, with a certificate of the same Region, and the zone of
    Route 53 that gets its records, if it is there.
    """

    name: str
    certificate_arn: str
    hosted_zone_id: str | None = None


@dataclass(frozen=True)
class StageConfig:
    """One deployment of the stack."""

    stage: str
    # Of what holds data: tables, users, logs.
    removal_policy: RemovalPolicy
    log_retention: logs.RetentionDays
    # Of the tables: any second of so many days (1 to 35) can be restored.
    recovery_days: int
    # Tables, users and the stack itself refuse to be deleted until that is taken back.
    deletion_protection: bool
    # Of each route of the WebSocket and the HTTP API, unless its class has one in `throttles`.
    throttle: Throttle
    http_throttle: Throttle
    throttles: Mapping[ThrottleClass, Throttle]
    # Concurrent executions that belong to a function: nobody else gets them, and it gets no more.
    reserved_concurrency: Mapping[str, int] = field(default_factory=dict)
    # The account's quota of API Gateway requests a second in the Region: raise it with the quota.
    api_requests_per_second: int = 10_000
    # Likewise of Transcribe's concurrent streams, one for each run of an interpreter.
    transcribe_streams: int = TRANSCRIBE_STREAMS
    gateway_log_role: GatewayLogRole = GatewayLogRole.CREATE
    delivery: Delivery = Delivery.PLAIN
    connect_identity: ConnectIdentity = ConnectIdentity.NONE
    domain: CustomDomain | None = None
    # Without a topic alarms are only seen by who looks.
    alarm_topic: bool = False
    alarm_email: str | None = None
    # Settings of the functions that differ from their defaults, by environment name
    # (shared/utils/settings.py).
    settings: Mapping[str, str] = field(default_factory=dict)
    # What of this deployment is not as the stage says, and why, for whoever deploys it.
    notes: tuple[str, ...] = ()

    @property
    def stack_name(self) -> str:
        """The stack's name, also that of its template file."""
        return f"{PROJECT}-{self.stage}"

    @property
    def route_throttles(self) -> Mapping[str, Throttle]:
        """The throttles of routes that differ from the stage's, by route key."""
        return {
            route.key: self.throttles[route.throttle]
            for route in ROUTES
            if route.throttle is not None and route.throttle in self.throttles
        }

    def unprotected(self) -> StageConfig:
        """The stage as its first deployment needs it: one that fails can be rolled back.

        A rollback deletes what it made. It would fail at a table or pool that is protected from
        deletion, and what it kept under its name would stop the next attempt.
        """
        return replace(self, removal_policy=RemovalPolicy.DESTROY, deletion_protection=False)

    def resource_name(self, name: str) -> str:
        """What a resource is called in AWS; given names let an operator find things by hand."""
        return f"{self.stack_name}-{name.replace('_', '-')}"


# A chunk holds its execution until its deadline at most, 400 ms at chunkMs 200: 500 a second need
# 200. What a stranger sends there holds one for 2 ms. Thus an account's default pool of 1 000 keeps
# its audio when joins storm, and 550 are left for everything else; 100 must be left:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
# Each run of an interpreter has one stream of Transcribe's: as many runs as streams.
_PROD_CONCURRENCY = {
    "audio_processor": 200,
    "broadcast": 200,
    INTERPRETER: TRANSCRIBE_STREAMS,
}

STAGES: Mapping[str, StageConfig] = {
    config.stage: config
    for config in (
        StageConfig(
            stage="dev",
            removal_policy=RemovalPolicy.DESTROY,
            log_retention=logs.RetentionDays.ONE_WEEK,
            recovery_days=1,
            deletion_protection=False,
            throttle=Throttle(rate=50, burst=2_000),
            http_throttle=Throttle(rate=5, burst=10),
            throttles=throttles.DEV,
            # Of ten concurrent executions one may wait.
            settings={HANDSHAKE_DELAYS: "1"},
            # Nothing is reserved: a new account has 10 concurrent executions in all, and reserving
            # any of them fails the deployment.
        ),
        StageConfig(
            stage="prod",
            # Keeps the data when the stack or a resource is deleted, but not what a failed update
            # has just made: that would hold the names that the next one needs.
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            log_retention=logs.RetentionDays.THREE_MONTHS,
            recovery_days=35,
            deletion_protection=True,
            delivery=Delivery.CANARY,
            throttle=Throttle(rate=500, burst=500),
            # What people and their tools do, each now and then.
            http_throttle=Throttle(rate=20, burst=40),
            throttles=throttles.PROD,
            reserved_concurrency=_PROD_CONCURRENCY,
            alarm_topic=True,
        ),
    )
}


def stage_config(stage: str) -> StageConfig:
    """The configuration of a stage as it stands here. Raises UnknownStageError."""
    if stage not in STAGES:
        raise UnknownStageError(f"unknown stage {stage!r}; there are: {', '.join(STAGES)}")
    return STAGES[stage]
