"""Alarms: few, each of which means that service is impaired or soon will be.

docs/operations.md explains each alarm and what to do; a test compares the two lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import (
    AUDIO_PROCESSOR,
    CONTROL,
    DEVICE_SYNC,
    FUNCTIONS,
    INTERPRETER,
    SESSION_STATUS,
    TIMEOUT,
)
from infrastructure.catalogue.naming import construct_id
from infrastructure.monitoring.metrics import FIVE_MINUTES, MINUTE, StageMetrics, highest, total
from infrastructure.resources.queues import DEAD_LETTERS
from infrastructure.stage.config import StageConfig
from shared.models import schema

# 80 % of the deadline of a 200 ms chunk, which is 400 ms after arrival.
_AUDIO_MS = 320
# The rest of those 400 ms is for the roster, a shard's invocation and a function's start.
_FANOUT_MS = 240
# The longest acceptable wait for getSessionStatus.
_STATUS_MS = 500
# Actions on one device should appear on the others without a noticeable delay.
_RELAY_MS = 500
_LOST_PERCENT = 5
# Below this, a single listener on a bad connection exceeds the percentage.
_MIN_DELIVERIES_A_MINUTE = 1_000
_QUOTA_SHARE = 0.8
_SEVERAL = 5
# Functions whose errors reach a caller. An alarm takes ten metrics; failed runs of `interpreter`
# are restarted, which has its own alarm.
_WITH_CALLERS = tuple(spec for spec in FUNCTIONS if spec is not INTERPRETER)
# Functions that start interpreters: for a new session, before a run ends, and in the sweep.
STARTERS = (CONTROL, INTERPRETER, TIMEOUT)
# Lambda's metrics for runs that did not start or failed:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
_INTERPRETERS_LOST = ("Errors", "Throttles", "AsyncEventsDropped")
# A crash counts twice, as an error and as a restart, so this means two crashes.
_INTERPRETERS_MISSED = 3
# Metrics that scheduled tasks emit every minute, even with nothing to do.
_HEARTBEATS: Mapping[str, tuple[FunctionSpec, str]] = {
    "presence-missed": (DEVICE_SYNC, "ConnectedDevices"),
    "statuses-missed": (SESSION_STATUS, "PeriodicUpdatesSent"),
    "sweep-missed": (TIMEOUT, "ConnectionsChecked"),
}
INDEXES: Mapping[str, tuple[str, ...]] = {
    "sessions": (schema.ACTIVE_INDEX,),
    "connections": (schema.AUDIENCE_INDEX, schema.IDLE_INDEX),
    "devices": (schema.ONLINE_INDEX,),
    "announcements": (),
}


class Alarms:
    """The alarms of a stage; `rules` are names of EventBridge rules, `notify` a topic's ARN."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        metrics: StageMetrics,
        *,
        rules: Iterable[str],
        notify: str | None,
    ) -> None:
        self._scope = scope
        self._config = config
        self._metrics = metrics
        self._actions = [notify] if notify else None
        #: All alarms, sorted by name.
        self.all: list[cloudwatch.Alarm] = []
        self._functions()
        self._interpreters()
        self._audio()
        self._statuses()
        self._devices()
        self._tables()
        self._gateway()
        self._dead_letters()
        self._schedules(rules)
        self.all.sort(key=lambda alarm: alarm.node.id)

    def _functions(self) -> None:
        for name, metric, threshold in (
            ("function-errors", "Errors", _SEVERAL),
            ("function-throttles", "Throttles", 1),
        ):
            metrics = [self._metrics.of_function(spec, metric) for spec in _WITH_CALLERS]
            self._alarm(name, total(metrics, FIVE_MINUTES), threshold)
        faults = [self._metrics.of_service(spec, "InternalErrors") for spec in _WITH_CALLERS]
        self._alarm("internal-errors", total(faults, FIVE_MINUTES), _SEVERAL)

    def _interpreters(self) -> None:
        of_service = self._metrics.of_service
        missed = [
            *(self._metrics.of_function(INTERPRETER, name) for name in _INTERPRETERS_LOST),
            of_service(TIMEOUT, "InterpretersRestarted"),
            *(of_service(spec, "InterpretersNotStarted") for spec in STARTERS),
        ]
        self._alarm("interpreters-missed", total(missed, FIVE_MINUTES), _INTERPRETERS_MISSED)

    def _audio(self) -> None:
        duration = self._metrics.of_function(
            AUDIO_PROCESSOR, "Duration", statistic="p99", period=MINUTE
        )
        self._alarm("audio-late", duration, _AUDIO_MS, periods=(3, 5))

        fanouts = self._metrics.fanned_out("FanoutDuration", statistic="p99")
        self._alarm("fanout-late", highest(fanouts, MINUTE), _FANOUT_MS, periods=(3, 5))

        lost = self._metrics.fanned_out("FanoutFailed", "FanoutThrottled", "FanoutDropped")
        # Lost deliveries first, so that both sums give them the same IDs.
        every = [*lost, *self._metrics.fanned_out("FanoutDelivered")]
        percent = cloudwatch.MathExpression(
            expression=f"IF(every >= {_MIN_DELIVERIES_A_MINUTE}, 100 * lost / every, 0)",
            using_metrics={"lost": total(lost, MINUTE), "every": total(every, MINUTE)},
            period=MINUTE,
            label="percent lost",
        )
        self._alarm("deliveries-lost", percent, _LOST_PERCENT, periods=(3, 5))

    def _statuses(self) -> None:
        # Requests are rare, so a cold start is the p99 of its minute: two periods must breach.
        latency = self._metrics.of_service(SESSION_STATUS, "StatusQueryLatency", statistic="p99")
        self._alarm("status-late", latency, _STATUS_MS, periods=(2, 3))

    def _devices(self) -> None:
        relay = self._metrics.of_service(DEVICE_SYNC, "SyncRelayDuration", statistic="p99")
        self._alarm("relay-late", relay, _RELAY_MS, periods=(2, 3))

    def _tables(self) -> None:
        for table, indexes in INDEXES.items():
            throttled = [
                self._metrics.of_table(table, metric, index=index)
                for index in (None, *indexes)
                for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
            ]
            self._alarm(f"{table}-throttled", total(throttled, MINUTE), 1, periods=(3, 5))
            # One alarm per table, as an alarm takes at most ten metrics.
            faults = [
                self._metrics.of_table(table, "SystemErrors", operation=operation)
                for operation in sorted(_operations(FUNCTIONS, table))
            ]
            self._alarm(f"{table}-errors", total(faults, FIVE_MINUTES), _SEVERAL)

    def _gateway(self) -> None:
        self._alarm("gateway-errors", self._metrics.of_gateway("ExecutionError"), _SEVERAL)
        # Messages in both directions, including deliveries.
        requests = self._metrics.gateway_requests()
        self._alarm("gateway-quota", total(requests, MINUTE), quota_alarm_at(self._config))
        if self._metrics.has_http:
            self._alarm("http-errors", self._metrics.of_http("5xx"), _SEVERAL)

    def _dead_letters(self) -> None:
        waiting = [
            self._metrics.of_queue(name, "ApproximateNumberOfMessagesVisible")
            for name in DEAD_LETTERS
        ]
        self._alarm("dead-letters", total(waiting, FIVE_MINUTES), 1)

    def _schedules(self, rules: Iterable[str]) -> None:
        failed = [self._metrics.of_rule(rule, "FailedInvocations") for rule in rules]
        self._alarm("schedules-failed", total(failed, FIVE_MINUTES), 1)
        for name, (spec, metric) in _HEARTBEATS.items():
            beats = self._metrics.of_service(spec, metric, statistic="SampleCount")
            self._alarm(
                name,
                beats,
                1,
                compare=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                silence=cloudwatch.TreatMissingData.BREACHING,
            )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        *,
        periods: tuple[int, int] = (1, 1),
        compare: cloudwatch.ComparisonOperator = (
            cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        ),
        silence: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Add an alarm that breaches at or above `threshold`.

        `periods` is (breaching, evaluated). Missing data does not breach; `compare` and `silence`
        override that for metrics that must never stop.
        """
        breaching, evaluated = periods
        alarm = cloudwatch.Alarm(
            self._scope,
            construct_id(name, "Alarm"),
            alarm_name=self._config.resource_name(name),
            alarm_description=f"docs/operations.md, {name}",
            metric=metric,
            threshold=threshold,
            datapoints_to_alarm=breaching,
            evaluation_periods=evaluated,
            comparison_operator=compare,
            treat_missing_data=silence,
        )
        self.all.append(alarm)
        if self._actions:
            resource = alarm.node.default_child
            assert isinstance(resource, cloudwatch.CfnAlarm)
            resource.alarm_actions = resource.ok_actions = self._actions


def quota_alarm_at(config: StageConfig) -> float:
    """The number of API Gateway requests a minute that is close to the account's quota."""
    return config.api_requests_per_second * 60 * _QUOTA_SHARE


def _operations(functions: Iterable[FunctionSpec], table: str) -> set[str]:
    """The operations granted on a table."""
    return {
        action.removeprefix("dynamodb:")
        for spec in functions
        for grant in spec.grants
        if grant.resource.value.partition("/")[0] == table
        for action in grant.actions
    }
