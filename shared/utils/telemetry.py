"""What the functions tell operators: structured logs, and metrics as log lines (EMF).

The only place that knows Powertools. Nothing here takes audio, tokens or message bodies.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.utils.rate_limited_log import RateLimitedLog


class Telemetry(Protocol):
    """Counts, durations, warnings and faults of one function."""

    def count(self, name: str, value: int = 1, **context: str | int) -> None:
        """Add to a metric; `context` is logged with it."""

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Add to a metric that is told apart by `dimensions`, of few values each."""

    def duration(self, name: str, milliseconds: float) -> None:
        """Add a raw duration; CloudWatch computes the percentiles."""

    def warn(self, message: str, **context: object) -> None:
        """Log something that was dealt with."""

    def fault(self, message: str, **context: object) -> None:
        """Log the exception that is being handled, with its trace."""

    def flush(self) -> None:
        """Write the metrics of this invocation: one line, and one for each set of dimensions."""


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
        """Add to a metric; `context` stands beside it in the same line."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        for key, text in context.items():
            self._metrics.add_metadata(key=key, value=text)

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Add to a metric with dimensions of its own, summed up until `flush`."""
        self._by_dimensions[name, tuple(sorted(dimensions.items()))] += value

    def duration(self, name: str, milliseconds: float) -> None:
        """Add a raw duration in ms."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=milliseconds)

    def warn(self, message: str, **context: object) -> None:
        """Log at WARNING: of the same message and code one a second, with how many were left out.

        A flood of what is refused would otherwise be a flood of lines, which are paid for.
        """
        left_out = self._seldom.due((message, context.get("code")))
        if left_out is None:
            return
        if left_out:
            context["leftOut"] = left_out
        self._logger.warning(message, extra=context)

    def fault(self, message: str, **context: object) -> None:
        """Log at ERROR, with the trace."""
        self._logger.exception(message, extra=context)

    def flush(self) -> None:
        """Write what was counted, if anything was."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        counted, self._by_dimensions = self._by_dimensions, Counter()
        for (name, dimensions), value in counted.items():
            # A line of its own: a line's dimensions are those of all its metrics.
            with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
                for key, text in (("service", self._metrics.service), *dimensions):
                    metric.add_dimension(name=key, value=text)
