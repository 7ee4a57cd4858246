"""Alarms: few, each of which means that somebody is not served, or soon will not be.

docs/operations.md says of each what it means and what to do; a test keeps the two lists the same.
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

# A chunk of 200 ms, the default, has 400 ms from its arrival; this leaves a fifth.
_AUDIO_MS = 320
# Of the same 400 ms the roster, a shard's invocation and the start of a function take their part.
_FANOUT_MS = 240
# What a speaker who asks who listens is to wait at most.
_STATUS_MS = 500
# What a user does on one device shows on the others before they notice.
_RELAY_MS = 500
_LOST_PERCENT = 5
# Below, one listener on a bad line is more than that.
_WORTH_JUDGING_A_MINUTE = 1_000
_QUOTA_SHARE = 0.8
_SEVERAL = 5
# Those whose every error is somebody's: an alarm takes ten metrics, and a run that fails is started
# again, which has an alarm of its own.
_ANSWERING = tuple(spec for spec in FUNCTIONS if spec is not INTERPRETER)
# Sessions, runs before their end, and the sweep have interpreters started.
STARTERS = (CONTROL, INTERPRETER, TIMEOUT)
# What Lambda says of a run that did not begin, or did not end well:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
_INTERPRETERS_LOST = ("Errors", "Throttles", "AsyncEventsDropped")
# One crash is an error and a new start, so this is two of them.
_INTERPRETERS_MISSED = 3
# What is done by the clock, every minute, says so each time, also if there was nothing to do.
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
    """The alarms of a stage; `rules` are EventBridge's by name, `notify` the ARN of a topic."""

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
        #: All of them, in the order of their names.
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
            metrics = [self._metrics.of_function(spec, metric) for spec in _ANSWERING]
            self._alarm(name, total(metrics, FIVE_MINUTES), threshold)
        faults = [self._metrics.of_service(spec, "InternalErrors") for spec in _ANSWERING]
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

        lost = self._metrics.fanned_out("FanoutFailed", "FanoutDropped")
        # Lost ones first, so that both sums call them the same.
        every = [*lost, *self._metrics.fanned_out("FanoutDelivered")]
        percent = cloudwatch.MathExpression(
            expression=f"IF(every >= {_WORTH_JUDGING_A_MINUTE}, 100 * lost / every, 0)",
            using_metrics={"lost": total(lost, MINUTE), "every": total(every, MINUTE)},
            period=MINUTE,
            label="percent lost",
        )
        self._alarm("deliveries-lost", percent, _LOST_PERCENT, periods=(3, 5))

    def _statuses(self) -> None:
        # Asked for seldom: a function's first query is the p99 of its minute.
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
            # Each table by itself: an alarm takes ten metrics at most.
            faults = [
                self._metrics.of_table(table, "SystemErrors", operation=operation)
                for operation in sorted(_operations(FUNCTIONS, table))
            ]
            self._alarm(f"{table}-errors", total(faults, FIVE_MINUTES), _SEVERAL)

    def _gateway(self) -> None:
        self._alarm("gateway-errors", self._metrics.of_gateway("ExecutionError"), _SEVERAL)
        # Messages either way, so deliveries count.
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
        """At or above `threshold` in so many of the last so many of the metric's periods; silence
        is no alarm. `compare` and `silence` are for what shall never fall silent.
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
    """How many of API Gateway's requests a minute are close to the account's quota."""
    return config.api_requests_per_second * 60 * _QUOTA_SHARE


def _operations(functions: Iterable[FunctionSpec], table: str) -> set[str]:
    """Which operations are used on a table, by what is granted."""
    return {
        action.removeprefix("dynamodb:")
        for spec in functions
        for grant in spec.grants
        if grant.resource.value.partition("/")[0] == table
        for action in grant.actions
    }
