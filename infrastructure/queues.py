"""The queue of timers: messages that come back after a delay, to the function that acts on them."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.config import StageConfig

# A message is tried again after this long. AWS advises six times the function's timeout:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_TIMEOUTS = 6
_TRIES = 5
_BATCH_SIZE = 10


class Timers:
    """What is to happen later. A message that keeps failing ends in the queue of dead letters."""

    def __init__(
        self, scope: Construct, config: StageConfig, consumer_timeout_seconds: int
    ) -> None:
        self._scope = scope
        self.dead_letters = sqs.Queue(
            scope,
            "TimersDead",
            queue_name=config.resource_name("timers_dead"),
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.queue = sqs.Queue(
            scope,
            "Timers",
            queue_name=config.resource_name("timers"),
            visibility_timeout=Duration.seconds(_VISIBILITY_TIMEOUTS * consumer_timeout_seconds),
            # What a timer acts on says itself whether it is still of interest: better late than
            # lost.
            retention_period=Duration.days(1),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=_TRIES
            ),
        )

    def feed(self, function: lambda_.CfnFunction) -> None:
        """Let the queue's messages invoke `function`, which says itself which of them failed."""
        lambda_.CfnEventSourceMapping(
            self._scope,
            "TimersSource",
            event_source_arn=self.queue.queue_arn,
            function_name=function.ref,
            batch_size=_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
        )
