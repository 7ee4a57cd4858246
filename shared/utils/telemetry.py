"""Structured logs, and metrics in CloudWatch's embedded metric format (EMF).

Only this module uses Powertools. Never pass audio, tokens or message bodies to it.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.utils.rate_limited_log import RateLimitedLog


class Telemetry(Protocol):
    """Metrics and logs of one function."""

    def count(self, name: str, value: int = 1, **context: str | int) -> None:
        """Add to a counter; `context` is logged with it."""

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Add to a counter with `dimensions`, each with few values."""

    def duration(self, name: str, milliseconds: float) -> None:
        """Add a raw duration; CloudWatch computes the percentiles."""

    def warn(self, message: str, **context: object) -> None:
        """Log a handled problem."""

    def fault(self, message: str, **context: object) -> None:
        """Log the current exception with its traceback."""

    def flush(self) -> None:
        """Write this invocation's metrics: one line, and one for each set of dimensions."""


class PowertoolsTelemetry:
    """Logs and metrics as Lambda and CloudWatch expect them, on standard output.

    Service, namespace and level come from POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE
    and POWERTOOLS_LOG_LEVEL, which the stack sets.
    """

    def __init__(self) -> None:
        self._logger = Logger()
        self._metrics = Metrics()
        self._seldom = RateLimitedLog(time.monotonic)
        self._by_dimensions: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def count(self, name: str, value: int = 1, **context: str | int) -> None:
        """Add to a counter; `context` is in the same log line."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        for key, text in context.items():
            self._metrics.add_metadata(key=key, value=text)

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Add to a counter with its own dimensions, summed until `flush`."""
        self._by_dimensions[name, tuple(sorted(dimensions.items()))] += value

    def duration(self, name: str, milliseconds: float) -> None:
        """Add a raw duration in ms."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=milliseconds)

    def warn(self, message: str, **context: object) -> None:
        """Log at WARNING, at most once per second for the same message and code.

        `leftOut` is the number of suppressed messages. The limit keeps log costs low when many
        requests are refused.
        """
        left_out = self._seldom.due((message, context.get("code")))
        if left_out is None:
            return
        if left_out:
            context["leftOut"] = left_out
        self._logger.warning(message, extra=context)

    def fault(self, message: str, **context: object) -> None:
        """Log the current exception at ERROR with its traceback."""
        self._logger.exception(message, extra=context)

    def flush(self) -> None:
        """Write the metrics, if any were added."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        counted, self._by_dimensions = self._by_dimensions, Counter()
        for (name, dimensions), value in counted.items():
            # Dimensions apply to all metrics of a line, so each set needs its own line.
            with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
                for key, text in (("service", self._metrics.service), *dimensions):
                    metric.add_dimension(name=key, value=text)
