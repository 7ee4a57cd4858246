"""The configuration of each stage, and the names of its resources."""

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


# Has one reserved execution for each stream of Transcribe.
INTERPRETER = "interpreter"
# Transcribe's default quota of concurrent streams:
# https://docs.aws.amazon.com/general/latest/gr/transcribe.html
TRANSCRIBE_STREAMS = 25


class ConfigError(Exception):
    """The app cannot synthesize this configuration; the message says what it can."""


class UnknownStageError(ConfigError):
    """Unknown stage; the message lists those that exist."""


class DeliveryMode(Enum):
    """How new code reaches callers."""

    # Callers name the function without an alias: the next invocation runs the new code.
    PLAIN = "plain"
    # A tenth of the invocations for ten minutes, then all. Alarms roll it back.
    CANARY = "canary"
    # All at once, regardless of alarms: for a fix that ends an alarm.
    AT_ONCE = "at-once"


class GatewayLogRole(Enum):
    """Who sets the role with which API Gateway writes logs.

    There is one per account and Region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """

    # The stack replaces the previous setting. Role and setting outlive the stack, because other
    # APIs, such as other stages of this one, may use them by then.
    CREATE = "create"
    # It is already set, for example by an organization's base stack.
    EXISTING = "existing"
    # It is not set, so the API writes no logs.
    OFF = "off"


class ConnectIdentity(Enum):
    """What a handshake needs for API Gateway to call the authorizer.

    Without it, API Gateway answers 401.     Listeners need no token, so it is nothing, or a
    header that every client sends.
    """

    # CreateAuthorizer lists the identity source as required and calls it optional for REQUEST
    # authorizers. Only a deployment shows whether a WebSocket API accepts an empty list
    # (`make smoke`):
    # https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html
    NONE = "none"
    # HTTP/1.1 requires it of every request: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    HOST = "host"

    @property
    def sources(self) -> tuple[str, ...]:
        """The authorizer's identity sources."""
        return ("route.request.header.Host",) if self is ConnectIdentity.HOST else ()


@dataclass(frozen=True)
class CustomDomain:
    """A domain name for the WebSocket API, with a certificate in the same Region.

    `hosted_zone_id` is the zone of Route 53 that gets the records, if it is hosted there.
    """

    name: str
    certificate_arn: str
    hosted_zone_id: str | None = None


@dataclass(frozen=True)
class StageConfig:
    """One deployment of the stack."""

    stage: str
    # For resources with data: tables, users, logs.
    removal_policy: RemovalPolicy
    log_retention: logs.RetentionDays
    # Point-in-time recovery of the tables: 1 to 35 days.
    recovery_days: int
    # Protects the tables, the user pool and the stack from deletion.
    deletion_protection: bool
    # The throttle of each route, for the WebSocket and the HTTP API, unless `throttles` has one for
    # its class.
    throttle: Throttle
    http_throttle: Throttle
    throttles: Mapping[ThrottleClass, Throttle]
    # Reserved concurrent executions by function: its guaranteed share and its maximum.
    reserved_concurrency: Mapping[str, int] = field(default_factory=dict)
    # The account's quota of API Gateway requests a second in the Region.
    api_requests_per_second: int = 10_000
    # The account's quota of concurrent Transcribe streams; each interpreter run needs one.
    transcribe_streams: int = TRANSCRIBE_STREAMS
    gateway_log_role: GatewayLogRole = GatewayLogRole.CREATE
    delivery: DeliveryMode = DeliveryMode.PLAIN
    connect_identity: ConnectIdentity = ConnectIdentity.NONE
    domain: CustomDomain | None = None
    # Without a topic, alarms notify nobody.
    alarm_topic: bool = False
    alarm_email: str | None = None
    # Function settings that differ from the defaults, by environment name
    # (shared/utils/settings.py).
    settings: Mapping[str, str] = field(default_factory=dict)
    # Deviations of this deployment from the stage, with reasons, shown at deployment.
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
        """The stage without protection, for a first deployment that may roll back.

        A rollback deletes the new resources. It would fail at a protected table or user pool, and
        retained resources would block the next attempt by their names.
        """
        return replace(self, removal_policy=RemovalPolicy.DESTROY, deletion_protection=False)

    def resource_name(self, name: str) -> str:
        """The name of a resource in AWS. Fixed names let operators find resources by hand."""
        return f"{self.stack_name}-{name.replace('_', '-')}"


# A chunk holds its execution until its deadline at most, 400 ms at chunkMs 200: 500 chunks a second
# need 200 executions. Audio of listen-only connections holds one for 2 ms. The reservation keeps
# these executions from a storm of joins, and leaves 550 of an account's default pool of 1 000 for
# everything else; AWS requires 100:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
# An interpreter run needs one stream of Transcribe, so there are as many executions as streams.
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
            # A new account has ten concurrent executions; delays may hold one of them.
            settings={HANDSHAKE_DELAYS: "1"},
            # No reserved executions: in a new account with ten in all, reserving any fails the
            # deployment.
        ),
        StageConfig(
            stage="prod",
            # Keeps data when the stack or a resource is deleted, but not resources created by a
            # failed update: their names would block the next one.
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            log_retention=logs.RetentionDays.THREE_MONTHS,
            recovery_days=35,
            deletion_protection=True,
            delivery=DeliveryMode.CANARY,
            throttle=Throttle(rate=500, burst=500),
            # People and their tools send requests now and then.
            http_throttle=Throttle(rate=20, burst=40),
            throttles=throttles.PROD,
            reserved_concurrency=_PROD_CONCURRENCY,
            alarm_topic=True,
        ),
    )
}


def stage_config(stage: str) -> StageConfig:
    """The configuration of a stage, before any context. Raises UnknownStageError."""
    if stage not in STAGES:
        raise UnknownStageError(f"unknown stage {stage!r}; there are: {', '.join(STAGES)}")
    return STAGES[stage]
