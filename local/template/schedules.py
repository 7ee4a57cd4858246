"""Reads the scheduled rules of a template and their targets.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.template.model import Queue, Schedule, ScheduleTarget
from local.template.permissions import EVENTS, PermissionReader
from local.template.resources import Resource, Resources

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
_RATE = re.compile(r"rate\((?P<count>[1-9]\d*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
# Supported properties of a target; retries and dead-letter queues have no local effect.
_TARGET_KEYS = frozenset({"Id", "Arn", "Input", "RetryPolicy", "DeadLetterConfig"})
_SEND = "sqs:SendMessage"


class ScheduleReader:
    """Reads the rules of a template; `functions` maps ARNs to names."""

    def __init__(
        self,
        resources: Resources,
        functions: Mapping[str, str],
        queues: Sequence[Queue],
        permissions: PermissionReader,
    ) -> None:
        self._resources = resources
        self._functions = functions
        self._queues = {queue.arn: queue.name for queue in queues}
        self._permissions = permissions

    def read(self) -> tuple[Schedule, ...]:
        """Read the enabled rules.

        Raises TemplateError for unsupported rules and for targets to which AWS would not deliver.
        """
        return tuple(self._enabled())

    def _enabled(self) -> Iterator[Schedule]:
        for resource in self._resources.all("Events::Rule"):
            schedule = self._schedule(resource)
            resource.expect("State", "ENABLED", "DISABLED", default="ENABLED")
            if resource.text("State", "ENABLED") == "ENABLED":
                yield schedule

    def _schedule(self, resource: Resource) -> Schedule:
        arn = self._resources.attribute(resource, "Arn")
        targets = resource.get("Targets", [])
        if not targets:
            raise resource.error("Targets: the rule has no targets")
        return Schedule(
            name=self._resources.ref(resource),
            arn=arn,
            period_seconds=_period(resource),
            targets=tuple(self._target(resource, arn, target) for target in targets),
        )

    def _target(self, resource: Resource, rule: str, target: Mapping[str, Any]) -> ScheduleTarget:
        if unknown := target.keys() - _TARGET_KEYS:
            raise resource.error(f"Targets.{min(unknown)} is not supported")
        arn, constant = str(target.get("Arn")), target.get("Input")
        if constant is not None and not _is_json(constant):
            raise resource.error("Targets.Input: not JSON")
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        # Without the policy AWS would silently drop undeliverable events.
        if dead_letters is not None and not self._may_send(rule, str(dead_letters)):
            raise resource.error(
                f"no AWS::SQS::QueuePolicy allows the rule to send to {dead_letters}"
            )
        if arn in self._functions:
            name = self._functions[arn]
            if arn not in self._permissions.invocable_by_rule(rule):
                raise resource.error(f"no AWS::Lambda::Permission allows the rule to invoke {name}")
            return ScheduleTarget("function", name, constant)
        if arn in self._queues:
            if not self._may_send(rule, arn):
                raise resource.error(f"no AWS::SQS::QueuePolicy allows the rule to send to {arn}")
            return ScheduleTarget("queue", self._queues[arn], constant)
        raise resource.error(f"Targets: {arn} is neither a function nor a queue of this stack")

    def _may_send(self, rule: str, queue: str) -> bool:
        statements = (
            statement
            for policy in self._resources.all("SQS::QueuePolicy")
            for statement in policy.get("PolicyDocument", {}).get("Statement", [])
        )
        return any(_allows(statement, rule, queue) for statement in statements)


def _period(resource: Resource) -> int:
    """Period of a rate in seconds; rejects "1 minutes" and "5 minute", as EventBridge does."""
    expression = resource.text("ScheduleExpression")
    rate = _RATE.fullmatch(expression)
    if rate is None or (rate["count"] == "1") == bool(rate["plural"]):
        raise resource.error(
            f"ScheduleExpression {expression!r}: only rate(1 minute), rate(n minutes) and the "
            f"same for hours and days are supported"
        )
    return int(rate["count"]) * _UNITS[rate["unit"]]


def _allows(statement: Mapping[str, Any], rule: str, queue: str) -> bool:
    """Whether a statement allows the rule to send, in the form of the CDK and AWS's guide.

    AWS accepts other forms too; the local stack rejects them with an error.
    """
    principal = statement.get("Principal")
    condition = statement.get("Condition")
    return (
        statement.get("Effect") == "Allow"
        and isinstance(principal, Mapping)
        and EVENTS in _as_list(principal.get("Service"))
        and _SEND in _as_list(statement.get("Action"))
        and queue in _as_list(statement.get("Resource"))
        and condition in (None, {"ArnEquals": {"aws:SourceArn": rule}})
    )


def _is_json(text: object) -> bool:
    try:
        json.loads(str(text))
    except ValueError:
        return False
    return True


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
