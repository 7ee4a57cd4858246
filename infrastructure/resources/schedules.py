"""EventBridge rules that invoke functions at intervals of minutes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.resources.delivery import Served

_EVENTS = "events.amazonaws.com"
# The next run makes up for an event that was not delivered within a minute. One minute is also
# the minimum: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
_RETRY = events.CfnRule.RetryPolicyProperty(
    maximum_event_age_in_seconds=60, maximum_retry_attempts=2
)


class Schedules:
    """The rules of a stage, which deliver at least once and roughly on time."""

    def __init__(self, scope: Construct, lost_events: sqs.Queue) -> None:
        self._scope = scope
        self._lost_events = lost_events
        #: Rule names, which are also the values of their metric dimension.
        self.names: list[str] = []

    def every_minute(self, function: Served, then_queue: sqs.Queue | None = None) -> events.CfnRule:
        """Invoke `function` every minute, and send the same event to `then_queue` if given.

        A minute is EventBridge's shortest period. A queue that delays its messages and invokes the
        same function halves it.
        """
        return self.every(1, function, then_queue)

    def every(
        self,
        minutes: int,
        function: Served,
        then_queue: sqs.Queue | None = None,
        *,
        given: Mapping[str, str] | None = None,
    ) -> events.CfnRule:
        """Invoke `function` every `minutes`, with `given` instead of the rule's event."""
        period = "1 minute" if minutes == 1 else f"{minutes} minutes"
        name = f"every-{period.replace(' ', '-')}"
        self.names.append(f"{function.function.function_name}-{name}")
        constant = json.dumps(given) if given is not None else None
        targets = [self._target("function", function.arn, constant)]
        if then_queue is not None:
            targets.append(self._target("queue", then_queue.queue_arn, constant))
        id_ = "".join(word.capitalize() for word in name.split("-"))
        rule = events.CfnRule(
            self._scope,
            f"{function.function.node.id}{id_}",
            name=self.names[-1],
            schedule_expression=f"rate({period})",
            state="ENABLED",
            targets=targets,
        )
        lambda_.CfnPermission(
            self._scope,
            f"{rule.node.id}Permission",
            action="lambda:InvokeFunction",
            function_name=function.arn,
            principal=_EVENTS,
            source_arn=rule.attr_arn,
        )
        for queue in (then_queue, self._lost_events):
            if queue is not None:
                queue.add_to_resource_policy(_may_send(queue, rule))
        return rule

    def _target(self, name: str, arn: str, constant: str | None) -> events.CfnRule.TargetProperty:
        return events.CfnRule.TargetProperty(
            id=name,
            arn=arn,
            input=constant,
            retry_policy=_RETRY,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                arn=self._lost_events.queue_arn
            ),
        )


def _may_send(queue: sqs.Queue, rule: events.CfnRule) -> iam.PolicyStatement:
    """Permission for a rule to send to a queue.

    Without it EventBridge drops the event, which only its metrics show:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    return iam.PolicyStatement(
        actions=["sqs:SendMessage"],
        principals=[iam.ServicePrincipal(_EVENTS)],
        resources=[queue.queue_arn],
        conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
    )
