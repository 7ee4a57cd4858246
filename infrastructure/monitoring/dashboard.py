"""The dashboard of a stage: the alarms' metrics, and others that show trouble earlier.

The rows answer in order: is anything wrong, do listeners hear, who is connected, do the functions
and the services below them keep up. docs/operations.md describes each row.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.catalogue.function_table import (
    ANNOUNCEMENTS,
    AUDIO_PROCESSOR,
    CONNECT,
    CONTROL,
    DEVICE_SYNC,
    DISCONNECT,
    FUNCTIONS,
    SESSION_STATUS,
    TIMEOUT,
)
from infrastructure.monitoring.alarms import INDEXES, Alarms, quota_alarm_at
from infrastructure.monitoring.dashboard_interpreters import interpreters, machines
from infrastructure.monitoring.graphs import PERCENTILES, WIDTH, graph
from infrastructure.monitoring.metrics import MINUTE, StageMetrics, highest, total
from infrastructure.resources.queues import DEAD_LETTERS
from infrastructure.stage.config import StageConfig

_SINCE = Duration.hours(3)


class Dashboard:
    """A page in the CloudWatch console, named after the stack."""

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
            title="Alarms", alarms=list(alarms.all), width=3 * WIDTH, height=4
        )
        dashboard.add_widgets(status)
        dashboard.add_widgets(*self._audio())
        dashboard.add_widgets(*self._captions())
        dashboard.add_widgets(*self._people())
        dashboard.add_widgets(*self._floods())
        dashboard.add_widgets(*self._statuses())
        dashboard.add_widgets(*interpreters(metrics))
        dashboard.add_widgets(*machines(metrics))
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
                ("FanoutSlow", "slow listener"),
                ("FanoutThrottled", "throttled"),
                ("FanoutDropped", "too late"),
                ("FanoutStale", "gone"),
                ("FanoutLookupFailed", "audience not read"),
            )
        ]
        too_late = self._metrics.of_service(AUDIO_PROCESSOR, "AudioTooLate", period=MINUTE)
        hints = self._metrics.by_dimensions(
            AUDIO_PROCESSOR, "AudioFormatHints", ("Direction",), MINUTE
        )
        durations = [
            highest(fanned_out("FanoutDuration", statistic=percentile), MINUTE, percentile)
            for percentile in PERCENTILES
        ]
        return [
            graph("Audio delivered a minute", [delivered]),
            graph("Audio not delivered a minute", [*lost, too_late]),
            graph("Fan-out (ms)", durations),
            graph("Hints to change the duration of chunks", [hints]),
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
            for percentile in PERCENTILES
        ]
        return [
            graph("Captions delivered a minute", [delivered]),
            graph("Captions not delivered a minute", lost),
            graph("Captions (ms)", durations),
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
        timeouts = self._metrics.by_dimensions(
            TIMEOUT, "ConnectionTimeout", ("Role", "Reason"), MINUTE
        )
        requests = total(self._metrics.gateway_requests(), MINUTE, "messages and connects")
        close = cloudwatch.HorizontalAnnotation(
            value=quota_alarm_at(self._config), label="gateway-quota"
        )
        return [
            graph("API Gateway's requests a minute", [requests], lines=[close]),
            graph("Sweep, and counters checked", sweep),
            graph("Connections timed out, by role and reason", [timeouts]),
        ]

    def _floods(self) -> list[cloudwatch.IWidget]:
        flooded = (CONTROL, AUDIO_PROCESSOR)
        refused = [
            self._metrics.by_dimensions(spec, "RequestsRefused", ("Reason",), MINUTE)
            for spec in flooded
        ]
        overdue = self._metrics.of_service(CONTROL, "OverdueRequestsRefused", period=MINUTE)
        closed = [
            self._metrics.of_service(spec, "AbusiveConnectionsClosed", period=MINUTE)
            for spec in flooded
        ]
        delayed = self._metrics.of_service(CONNECT, "HandshakesDelayed", period=MINUTE)
        return [
            graph("Requests refused a minute, by reason", [*refused, overdue]),
            graph("Abusive connections closed a minute", [total(closed, MINUTE, "closed")]),
            graph("Handshakes delayed a minute", [delayed]),
        ]

    def _statuses(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        latencies = [
            of_service(SESSION_STATUS, "StatusQueryLatency", statistic=percentile).with_(
                label=percentile
            )
            for percentile in PERCENTILES
        ]
        sent = of_service(SESSION_STATUS, "PeriodicUpdatesSent", period=MINUTE)
        errors = self._metrics.by_dimensions(SESSION_STATUS, "ConnectionErrors", ("Type",), MINUTE)
        return [
            graph("Status query (ms)", latencies),
            graph("Periodic statuses sent a minute", [sent]),
            graph("Statuses not sent, by type", [errors]),
        ]

    def _devices(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        connected = [
            of_service(DEVICE_SYNC, name, statistic="Maximum", period=MINUTE).with_(label=label)
            for name, label in (("ConnectedDevices", "devices"), ("ConnectedUsers", "users"))
        ]
        relayed = self._metrics.by_dimensions(DEVICE_SYNC, "SyncMessagesRelayed", ("Kind",), MINUTE)
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
            for percentile in PERCENTILES
        ]
        return [
            graph("Devices and users connected", connected),
            graph("Messages between devices a minute", [relayed, *merged]),
            graph("Relay (ms)", durations),
        ]

    def _http(self) -> list[cloudwatch.IWidget]:
        of_http = self._metrics.of_http
        refused = [
            of_http(name, period=MINUTE).with_(label=label)
            for name, label in (("4xx", "refused (4xx)"), ("5xx", "failed (5xx)"))
        ]
        latencies = [
            of_http("Latency", statistic=percentile, period=MINUTE).with_(label=percentile)
            for percentile in PERCENTILES
        ]
        return [
            graph("HTTP requests a minute", [of_http("Count", period=MINUTE)]),
            graph("HTTP requests not served", refused),
            graph("HTTP requests (ms)", latencies),
        ]

    def _announcements(self) -> list[cloudwatch.IWidget]:
        of_service = self._metrics.of_service
        made = self._metrics.by_dimensions(ANNOUNCEMENTS, "AnnouncementsMade", ("Scope",), MINUTE)
        reached = [
            of_service(ANNOUNCEMENTS, name, period=MINUTE).with_(label=label)
            for name, label in (
                ("FanoutDelivered", "delivered"),
                ("FanoutFailed", "failed"),
                ("FanoutSlow", "slow reader"),
                ("FanoutThrottled", "throttled"),
                ("FanoutDropped", "too late"),
            )
        ]
        later = of_service(CONTROL, "AnnouncementsUnavailable", period=MINUTE)
        return [
            graph("Announcements made a minute, by scope", [made]),
            graph("Readers told a minute", reached),
            graph("Replays of announcements deferred to the queue", [later]),
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
            for percentile in PERCENTILES
        ]
        running = [
            of_function(spec, "ConcurrentExecutions", statistic="Maximum", period=MINUTE)
            for spec in FUNCTIONS
        ]
        return [
            graph(
                "Functions' errors a minute",
                [*troubles, total(faults, MINUTE, "INTERNAL answers"), unreadable],
            ),
            graph("audio_processor (ms)", audio),
            graph("Concurrent executions", running),
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
            graph("Throttled by DynamoDB a minute", throttled),
            graph("Dead letters", waiting),
            graph("Rules that could not invoke", failed),
        ]
