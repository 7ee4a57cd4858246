"""The dashboard of a stage: what alarms judge, and what there is to see before they go off.

From top to bottom as one asks: is anything wrong, do listeners hear, who is connected, do the
functions and what is below them keep up. docs/operations.md has a line on each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.config import StageConfig
from infrastructure.function_table import (
    ANNOUNCEMENTS,
    AUDIO_PROCESSOR,
    CONTROL,
    DEVICE_SYNC,
    DISCONNECT,
    FUNCTIONS,
    INTERPRETER,
    SESSION_STATUS,
    TIMEOUT,
)
from infrastructure.metrics import MINUTE, StageMetrics, highest, total
from infrastructure.observability import INDEXES, Alarms, quota_alarm_at
from infrastructure.queues import DEAD_LETTERS

# A dashboard is 24 units wide: three graphs a row.
_WIDTH = 8
_HEIGHT = 6
_PERCENTILES = ("p50", "p95", "p99")
_SINCE = Duration.hours(3)


class Dashboard:
    """One page in the CloudWatch console, named after the stack."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        metrics: StageMetrics,
        alarms: Alarms,
        *,
        rules: Iterable[str],
    ) -> None:
        self._config = config
        self._metrics = metrics
        dashboard = cloudwatch.Dashboard(
            scope, "Dashboard", dashboard_name=config.stack_name, default_interval=_SINCE
        )
        status = cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=list(alarms.all), width=3 * _WIDTH, height=4
        )
        dashboard.add_widgets(status)
        dashboard.add_widgets(*self._audio())
        dashboard.add_widgets(*self._captions())
        dashboard.add_widgets(*self._people())
        dashboard.add_widgets(*self._statuses())
        dashboard.add_widgets(*self._interpreters())
        dashboard.add_widgets(*self._machines())
        dashboard.add_widgets(*self._devices())
        dashboard.add_widgets(*self._announcements())
        if metrics.has_http:
            dashboard.add_widgets(*self._http())
        dashboard.add_widgets(*self._functions())
        dashboard.add_widgets(*self._below(rules))

    def _audio(self) -> list[cloudwatch.IWidget]:
        fanned_out = self._metrics.fanned_out
        delivered = total(fanned_out("FanoutDelivered"), MINUTE, "delivered")
        lost = [
            total(fanned_out(name), MINUTE, label)
            for name, label in (
                ("FanoutFailed", "failed"),
                ("FanoutDropped", "too late"),
                ("FanoutStale", "gone"),
                ("FanoutLookupFailed", "audience not read"),
            )
        ]
        durations = [
            highest(fanned_out("FanoutDuration", statistic=percentile), MINUTE, percentile)
            for percentile in _PERCENTILES
        ]
        return [
            _graph("Audio delivered a minute", [delivered]),
            _graph("Audio not delivered a minute", lost),
            _graph("Fan-out (ms)", durations),
        ]

    def _captions(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        delivered = of_service(AUDIO_PROCESSOR, "CaptionsDelivered", period=MINUTE)
        lost = [
            of_service(AUDIO_PROCESSOR, name, period=MINUTE).with_(label=label)
            for name, label in (("CaptionsFailed", "failed"), ("CaptionsDropped", "too late"))
        ]
        durations = [
            of_service(
                AUDIO_PROCESSOR, "CaptionDuration", statistic=percentile, period=MINUTE
            ).with_(label=percentile)
            for percentile in _PERCENTILES
        ]
        return [
            _graph("Captions delivered a minute", [delivered]),
            _graph("Captions not delivered a minute", lost),
            _graph("Captions (ms)", durations),
        ]

    def _people(self) -> list[cloudwatch.IWidget]:
        sweep = [
            self._metrics.of_service(TIMEOUT, name, period=MINUTE)
            for name in (
                "ConnectionsChecked",
                "IdleConnectionsDetected",
                "ConnectionsClosed",
                "CountersCorrected",
            )
        ]
        timeouts = self._metrics.told_apart(
            TIMEOUT, "ConnectionTimeout", ("Role", "Reason"), MINUTE
        )
        requests = total(self._metrics.gateway_requests(), MINUTE, "messages and connects")
        close = cloudwatch.HorizontalAnnotation(
            value=quota_alarm_at(self._config), label="gateway-quota"
        )
        return [
            _graph("API Gateway's requests a minute", [requests], lines=[close]),
            _graph("Sweep, and counters checked", sweep),
            _graph("Connections timed out, by role and reason", [timeouts]),
        ]

    def _statuses(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        latencies = [
            of_service(SESSION_STATUS, "StatusQueryLatency", statistic=percentile).with_(
                label=percentile
            )
            for percentile in _PERCENTILES
        ]
        sent = of_service(SESSION_STATUS, "PeriodicUpdatesSent", period=MINUTE)
        errors = self._metrics.told_apart(SESSION_STATUS, "ConnectionErrors", ("Type",), MINUTE)
        return [
            _graph("Status query (ms)", latencies),
            _graph("Periodic statuses sent a minute", [sent]),
            _graph("Statuses not sent, by type", [errors]),
        ]

    def _interpreters(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service

        # Whoever meets a lease that has run out: the floor's chunks, joins, or the sweep.
        def met(name: str, label: str) -> cloudwatch.MathExpression:
            emitters = (AUDIO_PROCESSOR, CONTROL, TIMEOUT)
            found = [of_service(spec, name, period=MINUTE) for spec in emitters]
            return total(found, MINUTE, label)

        lost = [
            met("InterpreterLeaseExpired", "lease expired"),
            met("InterpreterSilent", "silent"),
        ]
        promoted = [met("InterpreterPromoted", "promoted")]
        missed: list[cloudwatch.IMetric] = [
            of_service(TIMEOUT, "InterpretersRestarted", period=MINUTE).with_(label="restarted"),
            total(
                [
                    of_service(spec, "InterpretersNotStarted", period=MINUTE)
                    for spec in (CONTROL, TIMEOUT)
                ],
                MINUTE,
                "not started",
            ),
        ]
        return [
            _graph("Interpreters lost a minute", lost),
            _graph("Stand-bys promoted a minute", promoted),
            _graph("Interpreters missed a minute", missed),
        ]

    def _machines(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        delays = [
            of_service(INTERPRETER, "InterpreterDelay", statistic=percentile, period=MINUTE).with_(
                label=percentile
            )
            for percentile in _PERCENTILES
        ]
        sentences: list[cloudwatch.IMetric] = [
            of_service(INTERPRETER, "InterpreterSentences", period=MINUTE).with_(label="spoken"),
            *(
                self._metrics.told_apart(INTERPRETER, name, (dimension,), MINUTE)
                for name, dimension in (
                    ("InterpreterUnspoken", "Loss"),
                    ("InterpreterFaults", "Stage"),
                )
            ),
        ]
        runs = self._metrics.told_apart(INTERPRETER, "InterpreterRuns", ("Ending",), MINUTE)
        return [
            _graph("Machine interpretation (ms)", delays),
            _graph("Machines' sentences a minute, not spoken, and engines' faults", sentences),
            _graph("Interpreters' runs ended a minute", [runs]),
        ]

    def _devices(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        connected = [
            of_service(DEVICE_SYNC, name, statistic="Maximum", period=MINUTE).with_(label=label)
            for name, label in (("ConnectedDevices", "devices"), ("ConnectedUsers", "users"))
        ]
        relayed = self._metrics.told_apart(DEVICE_SYNC, "SyncMessagesRelayed", ("Kind",), MINUTE)
        merged = [
            of_service(DEVICE_SYNC, "SyncConflicts", period=MINUTE).with_(label="conflicts"),
            of_service(DEVICE_SYNC, "SyncDuplicates", period=MINUTE).with_(label="duplicates"),
            of_service(DISCONNECT, "DevicesUnavailable", period=MINUTE).with_(
                label="not taken offline"
            ),
        ]
        durations = [
            of_service(DEVICE_SYNC, "SyncRelayDuration", statistic=percentile, period=MINUTE).with_(
                label=percentile
            )
            for percentile in _PERCENTILES
        ]
        return [
            _graph("Devices and users connected", connected),
            _graph("Messages between devices a minute", [relayed, *merged]),
            _graph("Relay (ms)", durations),
        ]

    def _http(self) -> list[cloudwatch.IWidget]:
        of_http = self._metrics.of_http
        refused = [
            of_http(name, period=MINUTE).with_(label=label)
            for name, label in (("4xx", "refused (4xx)"), ("5xx", "failed (5xx)"))
        ]
        latencies = [
            of_http("Latency", statistic=percentile, period=MINUTE).with_(label=percentile)
            for percentile in _PERCENTILES
        ]
        return [
            _graph("HTTP requests a minute", [of_http("Count", period=MINUTE)]),
            _graph("HTTP requests not served", refused),
            _graph("HTTP requests (ms)", latencies),
        ]

    def _announcements(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        made = self._metrics.told_apart(ANNOUNCEMENTS, "AnnouncementsMade", ("Scope",), MINUTE)
        reached = [
            of_service(ANNOUNCEMENTS, name, period=MINUTE).with_(label=label)
            for name, label in (
                ("FanoutDelivered", "delivered"),
                ("FanoutFailed", "failed"),
                ("FanoutDropped", "too late"),
            )
        ]
        later = of_service(CONTROL, "AnnouncementsUnavailable", period=MINUTE)
        return [
            _graph("Announcements made a minute, by scope", [made]),
            _graph("Readers told a minute", reached),
            _graph("Readers who could not be greeted at once", [later]),
        ]

    def _functions(self) -> list[cloudwatch.IWidget]:
        of_function = self._metrics.of_function
        troubles = [
            total([of_function(spec, name, period=MINUTE) for spec in FUNCTIONS], MINUTE, label)
            for name, label in (("Errors", "errors"), ("Throttles", "throttles"))
        ]
        faults = [
            self._metrics.of_service(spec, "InternalErrors", period=MINUTE) for spec in FUNCTIONS
        ]
        unreadable = self._metrics.of_service(
            SESSION_STATUS, "UnreadableSessions", period=MINUTE
        ).with_(label="unreadable sessions")
        audio = [
            of_function(AUDIO_PROCESSOR, "Duration", statistic=percentile, period=MINUTE).with_(
                label=percentile
            )
            for percentile in _PERCENTILES
        ]
        running = [
            of_function(spec, "ConcurrentExecutions", statistic="Maximum", period=MINUTE)
            for spec in FUNCTIONS
        ]
        return [
            _graph(
                "Functions' errors a minute",
                [*troubles, total(faults, MINUTE, "INTERNAL answers"), unreadable],
            ),
            _graph("audio_processor (ms)", audio),
            _graph("Concurrent executions", running),
        ]

    def _below(self, rules: Iterable[str]) -> list[cloudwatch.IWidget]:
        throttled = [
            total(
                [
                    self._metrics.of_table(table, name, index=index, period=MINUTE)
                    for index in (None, *indexes)
                    for name in ("ReadThrottleEvents", "WriteThrottleEvents")
                ],
                MINUTE,
                table,
            )
            for table, indexes in INDEXES.items()
        ]
        waiting = [
            self._metrics.of_queue(name, "ApproximateNumberOfMessagesVisible")
            for name in DEAD_LETTERS
        ]
        failed = [self._metrics.of_rule(rule, "FailedInvocations") for rule in rules]
        return [
            _graph("Throttled by DynamoDB a minute", throttled),
            _graph("Dead letters", waiting),
            _graph("Rules that could not invoke", failed),
        ]


def _graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    lines: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        left_annotations=list(lines),
        width=_WIDTH,
        height=_HEIGHT,
    )
