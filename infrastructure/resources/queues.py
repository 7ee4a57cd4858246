"""Queues of delayed messages: what is to happen later comes back to the function that does it."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.catalogue.naming import construct_id
from infrastructure.resources.delivery import Served
from infrastructure.stage.config import StageConfig

# A message is tried again after this long. AWS advises six times the function's timeout:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_TIMEOUTS = 6
_BATCH_SIZE = 10
# The queues of dead letters, for the alarm on them.
LOST_EVENTS = "events_dead"
DEAD_LETTERS = ("timers_dead", "statuses_dead", "announcements_queue_dead", LOST_EVENTS)
# A rule rings no more often than every minute: what it sends here comes half a minute later.
_HALF_A_MINUTE = Duration.seconds(30)


def _for_people(scope: Construct, config: StageConfig, name: str) -> sqs.Queue:
    """A queue that nothing reads: an alarm tells people to look."""
    return sqs.Queue(
        scope,
        construct_id(name),
        queue_name=config.resource_name(name),
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.DESTROY,
    )


def create_lost_events(scope: Construct, config: StageConfig) -> sqs.Queue:
    """Where events end that nobody waits for: those that a function failed on as often as Lambda
    tries, and those that a rule could not deliver.
    """
    return _for_people(scope, config, LOST_EVENTS)


class _Queue:
    """Messages for one function. One that keeps failing ends in the queue of dead letters."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        name: str,
        *,
        consumer_timeout_seconds: int,
        tries: int,
        retention: Duration,
        delay: Duration | None = None,
        again: Duration | None = None,
    ) -> None:
        self._scope = scope
        self._name = name
        self.dead_letters = _for_people(scope, config, f"{name}_dead")
        self.queue = sqs.Queue(
            scope,
            construct_id(name),
            queue_name=config.resource_name(name),
            delivery_delay=delay,
            visibility_timeout=again
            or Duration.seconds(_VISIBILITY_TIMEOUTS * consumer_timeout_seconds),
            retention_period=retention,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=tries),
        )

    def feed(self, function: Served) -> None:
        """Let the queue's messages invoke `function`, which says itself which of them failed."""
        lambda_.CfnEventSourceMapping(
            self._scope,
            construct_id(self._name, "Source"),
            event_source_arn=self.queue.queue_arn,
            function_name=function.name,
            batch_size=_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
        )


class Timers(_Queue):
    """What a timer acts on says itself whether it is still of interest: better late than lost."""

    def __init__(
        self, scope: Construct, config: StageConfig, consumer_timeout_seconds: int
    ) -> None:
        super().__init__(
            scope,
            config,
            "timers",
            consumer_timeout_seconds=consumer_timeout_seconds,
            tries=5,
            retention=Duration.days(1),
        )


class Statuses(_Queue):
    """Statuses to come. A late one is worth nothing: the next says more."""

    def __init__(
        self, scope: Construct, config: StageConfig, consumer_timeout_seconds: int
    ) -> None:
        super().__init__(
            scope,
            config,
            "statuses",
            consumer_timeout_seconds=consumer_timeout_seconds,
            tries=2,
            retention=Duration.minutes(10),
            delay=_HALF_A_MINUTE,
        )


class Announcements(_Queue):
    """Readers who could not be told when they came, and audiences to be looked at once more."""

    def __init__(
        self, scope: Construct, config: StageConfig, consumer_timeout_seconds: int
    ) -> None:
        super().__init__(
            scope,
            config,
            "announcements_queue",
            consumer_timeout_seconds=consumer_timeout_seconds,
            # For some 20 minutes: a table that is throttled gives way in less.
            tries=20,
            again=Duration.seconds(max(60, consumer_timeout_seconds)),
            retention=Duration.hours(1),
        )
