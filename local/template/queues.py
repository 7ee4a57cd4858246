"""Reads the queues of a template and their event source mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from local.template.model import EventSourceMapping, Function, Queue, RedrivePolicy
from local.template.resources import Resource, Resources

# Minimum, maximum and default of SQS's attributes, in seconds:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_DELAY = (0, 900, 0)
_VISIBILITY = (0, 43_200, 30)
_RETENTION = (60, 1_209_600, 345_600)
_MAX_RECEIVES = (1, 1_000, 10)
# Lambda's for standard queues; its pollers start with five concurrent batches:
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_BATCH = (1, 10_000, 10)
_WINDOW = (0, 300, 0)
_CONCURRENCY = (2, 1_000, 5)
# Maximum of one ReceiveMessage call; a larger batch requires a batching window.
_MAX_RECEIVE_BATCH = 10
_REPORT_FAILURES = "ReportBatchItemFailures"


class QueueReader:
    """Reads the queues of a template and the event source mappings to its functions."""

    def __init__(self, resources: Resources, functions: Mapping[str, Function]) -> None:
        self._resources = resources
        self._functions = functions
        self._by_arn = {arn: item for item in functions.values() for arn in item.arns}
        self._names = {
            resources.attribute(item, "Arn"): resources.attribute(item, "QueueName")
            for item in resources.all("SQS::Queue")
        }

    def queues(self) -> tuple[Queue, ...]:
        """Read the queues. Raises TemplateError for unsupported ones."""
        return tuple(map(self._queue, self._resources.all("SQS::Queue")))

    def event_source_mappings(self, queues: tuple[Queue, ...]) -> tuple[EventSourceMapping, ...]:
        """Read the enabled mappings. Raises TemplateError for those that AWS would reject."""
        by_name = {queue.name: queue for queue in queues}
        return tuple(self._enabled_sources(by_name))

    def _queue(self, resource: Resource) -> Queue:
        return Queue(
            name=self._resources.attribute(resource, "QueueName"),
            arn=self._resources.attribute(resource, "Arn"),
            delay_seconds=resource.integer("DelaySeconds", *_DELAY),
            visibility_timeout_seconds=resource.integer("VisibilityTimeout", *_VISIBILITY),
            retention_seconds=resource.integer("MessageRetentionPeriod", *_RETENTION),
            dead_letters=self._dead_letters(resource),
        )

    def _dead_letters(self, resource: Resource) -> RedrivePolicy | None:
        policy = resource.get("RedrivePolicy")
        if policy is None:
            return None
        if not isinstance(policy, dict) or policy.keys() != {
            "deadLetterTargetArn",
            "maxReceiveCount",
        }:
            raise resource.error(
                "RedrivePolicy: expected an object with deadLetterTargetArn and maxReceiveCount"
            )
        target = policy["deadLetterTargetArn"]
        if target not in self._names:
            raise resource.error(f"RedrivePolicy: {target} is not a queue of this stack")
        if target in self._with_redrive_policy():
            raise resource.error(
                "RedrivePolicy: a dead-letter queue with a dead-letter queue of its own "
                "is not supported"
            )
        count = resource.integer("RedrivePolicy", *_MAX_RECEIVES, key="maxReceiveCount")
        return RedrivePolicy(self._names[target], count)

    def _with_redrive_policy(self) -> set[str]:
        """ARNs of the queues that have a dead-letter queue."""
        return {
            self._resources.attribute(item, "Arn")
            for item in self._resources.all("SQS::Queue")
            if item.get("RedrivePolicy") is not None
        }

    def _enabled_sources(self, queues: Mapping[str, Queue]) -> Iterator[EventSourceMapping]:
        for resource in self._resources.all("Lambda::EventSourceMapping"):
            source = self._source(resource, queues)
            resource.expect("Enabled", "true", "false", default="true")
            if resource.text("Enabled", "true") == "true":
                yield source

    def _source(self, resource: Resource, queues: Mapping[str, Queue]) -> EventSourceMapping:
        arn = resource.text("EventSourceArn")
        if arn not in self._names:
            raise resource.error(f"EventSourceArn: {arn} is not a queue of this stack")
        queue, function = queues[self._names[arn]], self._function(resource)
        if queue.visibility_timeout_seconds < function.timeout_seconds:
            # AWS rejects such a mapping with this message.
            raise resource.error(
                f"Queue visibility timeout: {queue.visibility_timeout_seconds} seconds is less "
                f"than Function timeout: {function.timeout_seconds} seconds; raise "
                f"VisibilityTimeout of {queue.name} or lower Timeout of {function.name}"
            )
        size = resource.integer("BatchSize", *_BATCH)
        window = resource.integer("MaximumBatchingWindowInSeconds", *_WINDOW)
        if size > _MAX_RECEIVE_BATCH and window < 1:
            raise resource.error(
                f"BatchSize {size} is more than {_MAX_RECEIVE_BATCH} and requires a "
                f"MaximumBatchingWindowInSeconds of at least 1"
            )
        response_types = resource.get("FunctionResponseTypes", [])
        if response_types not in ([], [_REPORT_FAILURES]):
            raise resource.error(f"FunctionResponseTypes: only {_REPORT_FAILURES} is supported")
        return EventSourceMapping(
            queue=queue.name,
            function=function.name,
            batch_size=size,
            batching_window_seconds=window,
            report_failures=bool(response_types),
            max_concurrency=resource.integer(
                "ScalingConfig", *_CONCURRENCY, key="MaximumConcurrency"
            ),
        )

    def _function(self, resource: Resource) -> Function:
        name_or_arn = resource.text("FunctionName")
        function = self._by_arn.get(name_or_arn) or self._functions.get(name_or_arn)
        if function is None:
            raise resource.error(f"FunctionName: {name_or_arn} is not a function of this stack")
        return function
