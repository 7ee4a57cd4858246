"""Alarms: few, each of which means that somebody is not served, or soon will not be.

docs/operations.md says of each what it means and what to do; a test keeps the two lists the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.config import StageConfig
from infrastructure.functions import METRICS_NAMESPACE
from infrastructure.naming import construct_id
from infrastructure.queues import DEAD_LETTERS
from infrastructure.routes import AUDIO_PROCESSOR, BROADCAST, FUNCTIONS, FunctionSpec
from shared.models import schema

_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
# A chunk of 200 ms, the default, has 400 ms from its arrival; this leaves a fifth.
_AUDIO_MS = 320
_LOST_PERCENT = 5
# Below, one listener on a bad line is more than that.
_WORTH_JUDGING_A_MINUTE = 1_000
_QUOTA_SHARE = 0.8
_SEVERAL = 5
_INDEXES: Mapping[str, tuple[str, ...]] = {
    "sessions": (schema.ACTIVE_INDEX,),
    "connections": (schema.AUDIENCE_INDEX, schema.IDLE_INDEX),
}


class Alarms:
    """The alarms of a stage; `rules` are EventBridge's by name, `notify` the ARN of a topic."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        *,
        api_id: str,
        rules: Iterable[str],
        notify: str | None,
    ) -> None:
        self._scope = scope
        self._config = config
        self._api = {"ApiId": api_id, "Stage": config.stage}
        self._actions = [notify] if notify else None
        self._functions()
        self._audio()
        self._tables()
        self._gateway()
        self._dead_letters()
        self._schedules(rules)

    def _functions(self) -> None:
        for name, metric, threshold in (
            ("function-errors", "Errors", _SEVERAL),
            ("function-throttles", "Throttles", 1),
        ):
            metrics = [self._of_function(spec, metric) for spec in FUNCTIONS]
            self._alarm(name, _sum(metrics, _FIVE_MINUTES), threshold)
        faults = [self._of_service(spec, "InternalErrors") for spec in FUNCTIONS]
        self._alarm("internal-errors", _sum(faults, _FIVE_MINUTES), _SEVERAL)

    def _audio(self) -> None:
        duration = self._of_function(AUDIO_PROCESSOR, "Duration", statistic="p99", period=_MINUTE)
        self._alarm("audio-late", duration, _AUDIO_MS, minutes=(3, 5))

        # Both functions send audio.
        senders = (AUDIO_PROCESSOR, BROADCAST)
        lost = [
            self._of_service(spec, metric)
            for metric in ("FanoutFailed", "FanoutDropped")
            for spec in senders
        ]
        # Lost ones first, so that both sums call them the same.
        every = [*lost, *(self._of_service(spec, "FanoutDelivered") for spec in senders)]
        percent = cloudwatch.MathExpression(
            expression=f"IF(every >= {_WORTH_JUDGING_A_MINUTE}, 100 * lost / every, 0)",
            using_metrics={"lost": _sum(lost, _MINUTE), "every": _sum(every, _MINUTE)},
            period=_MINUTE,
            label="percent lost",
        )
        self._alarm("deliveries-lost", percent, _LOST_PERCENT, minutes=(3, 5))

    def _tables(self) -> None:
        for table, indexes in _INDEXES.items():
            name = {"TableName": self._config.resource_name(table)}
            places = [name, *({**name, "GlobalSecondaryIndexName": index} for index in indexes)]
            throttled = [
                self._metric("AWS/DynamoDB", metric, place)
                for place in places
                for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
            ]
            self._alarm(f"{table}-throttled", _sum(throttled, _MINUTE), 1, minutes=(3, 5))
            # Each table by itself: an alarm takes ten metrics at most.
            faults = [
                self._metric("AWS/DynamoDB", "SystemErrors", {**name, "Operation": operation})
                for operation in sorted(_operations(FUNCTIONS, table))
            ]
            self._alarm(f"{table}-errors", _sum(faults, _FIVE_MINUTES), _SEVERAL)

    def _gateway(self) -> None:
        errors = self._metric("AWS/ApiGateway", "ExecutionError", self._api)
        self._alarm("gateway-errors", errors, _SEVERAL)
        # Messages either way, so deliveries count.
        requests = [
            self._metric("AWS/ApiGateway", metric, self._api)
            for metric in ("MessageCount", "ConnectCount")
        ]
        limit = self._config.api_requests_per_second * 60 * _QUOTA_SHARE
        self._alarm("gateway-quota", _sum(requests, _MINUTE), limit)

    def _dead_letters(self) -> None:
        waiting = [
            self._metric(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": self._config.resource_name(name)},
                statistic="Maximum",
            )
            for name in DEAD_LETTERS
        ]
        self._alarm("dead-letters", _sum(waiting, _FIVE_MINUTES), 1)

    def _schedules(self, rules: Iterable[str]) -> None:
        failed = [
            self._metric("AWS/Events", "FailedInvocations", {"RuleName": rule}) for rule in rules
        ]
        self._alarm("schedules-failed", _sum(failed, _FIVE_MINUTES), 1)

    def _of_function(
        self,
        spec: FunctionSpec,
        metric: str,
        *,
        statistic: str = "Sum",
        period: Duration = _FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        dimensions = {"FunctionName": self._config.resource_name(spec.name)}
        return self._metric("AWS/Lambda", metric, dimensions, statistic=statistic, period=period)

    def _of_service(self, spec: FunctionSpec, metric: str) -> cloudwatch.Metric:
        """A metric of our own: Powertools adds the service, which is the function's name."""
        return self._metric(
            METRICS_NAMESPACE, metric, {"service": self._config.resource_name(spec.name)}
        )

    def _metric(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        *,
        statistic: str = "Sum",
        period: Duration = _FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map=dict(dimensions),
            statistic=statistic,
            period=period,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        *,
        minutes: tuple[int, int] = (1, 1),
    ) -> None:
        """At or above `threshold` in so many of the last so many periods; silence is no alarm."""
        breaching, evaluated = minutes
        alarm = cloudwatch.Alarm(
            self._scope,
            construct_id(name, "Alarm"),
            alarm_name=self._config.resource_name(name),
            alarm_description=f"docs/operations.md, {name}",
            metric=metric,
            threshold=threshold,
            datapoints_to_alarm=breaching,
            evaluation_periods=evaluated,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if self._actions:
            resource = alarm.node.default_child
            assert isinstance(resource, cloudwatch.CfnAlarm)
            resource.alarm_actions = resource.ok_actions = self._actions


def _sum(metrics: Iterable[cloudwatch.IMetric], period: Duration) -> cloudwatch.MathExpression:
    """All of them together, though some of them may never have been emitted: broadcast's, say.

    SUM of a list adds what there is; a plus would yield nothing where one of its sides has nothing.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    filled = ", ".join(f"FILL({name}, 0)" for name in named)
    return cloudwatch.MathExpression(
        expression=f"SUM([{filled}])", using_metrics=named, period=period, label="sum"
    )


def _operations(functions: Iterable[FunctionSpec], table: str) -> set[str]:
    """Which operations are used on a table, by what is granted."""
    return {
        action.removeprefix("dynamodb:")
        for spec in functions
        for grant in spec.grants
        if grant.resource.value.partition("/")[0] == table
        for action in grant.actions
    }
