"""SQS queues of delayed messages, which functions send to invoke a function later."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.catalogue.naming import construct_id
from infrastructure.resources.delivery import Served
from infrastructure.stage.config import StageConfig

# A received message stays invisible for so many timeouts of its function. AWS advises six:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_TIMEOUTS = 6
_BATCH_SIZE = 10
# Names of the dead-letter queues, for their alarm.
LOST_EVENTS = "events_dead"
DEAD_LETTERS = ("timers_dead", "statuses_dead", "announcements_queue_dead", LOST_EVENTS)
# Rules fire at most once a minute; delayed messages of the same rule fall half-way between.
_HALF_MINUTE = Duration.seconds(30)


def _unread_queue(scope: Construct, config: StageConfig, name: str) -> sqs.Queue:
    """A queue that no function consumes; an alarm tells operators to look into it."""
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
    """A queue for events that failed all of Lambda's retries or that a rule could not deliver."""
    return _unread_queue(scope, config, LOST_EVENTS)


class _Queue:
    """A queue for one function; messages that keep failing move to its dead-letter queue."""

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
        retry_after: Duration | None = None,
    ) -> None:
        self._scope = scope
        self._name = name
        self.dead_letters = _unread_queue(scope, config, f"{name}_dead")
        self.queue = sqs.Queue(
            scope,
            construct_id(name),
            queue_name=config.resource_name(name),
            delivery_delay=delay,
            visibility_timeout=retry_after
            or Duration.seconds(_VISIBILITY_TIMEOUTS * consumer_timeout_seconds),
            retention_period=retention,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=tries),
        )

    def feed(self, function: Served) -> None:
        """Invoke `function` with the messages; it reports the ones that failed."""
        lambda_.CfnEventSourceMapping(
            self._scope,
            construct_id(self._name, "Source"),
            event_source_arn=self.queue.queue_arn,
            function_name=function.name,
            batch_size=_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
        )


class TimerQueue(_Queue):
    """Timers. Consumers check whether a timer is still relevant, so late is better than lost."""

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


class StatusQueue(_Queue):
    """Pending audience statuses. A late one is worthless, as the next supersedes it."""

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
            delay=_HALF_MINUTE,
        )


class AnnouncementQueue(_Queue):
    """Announcements to replay or redeliver after a failure."""

    def __init__(
        self, scope: Construct, config: StageConfig, consumer_timeout_seconds: int
    ) -> None:
        super().__init__(
            scope,
            config,
            "announcements_queue",
            consumer_timeout_seconds=consumer_timeout_seconds,
            # About 20 minutes, longer than a table stays throttled.
            tries=20,
            retry_after=Duration.seconds(max(60, consumer_timeout_seconds)),
            retention=Duration.hours(1),
        )
