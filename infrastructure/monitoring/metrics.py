"""The metrics of a stage, defined once for alarms and dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.api.http_api import STAGE
from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import AUDIO_PROCESSOR, BROADCAST
from infrastructure.compute.functions import METRICS_NAMESPACE
from infrastructure.stage.config import StageConfig

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
#: The functions that fan audio out.
SENDERS = (AUDIO_PROCESSOR, BROADCAST)


class StageMetrics:
    """Builds metrics with the dimensions under which they are emitted."""

    def __init__(self, config: StageConfig, *, api_id: str, http_api_id: str | None) -> None:
        self._config = config
        self._api = {"ApiId": api_id, "Stage": config.stage}
        self._http_api = {"ApiId": http_api_id, "Stage": STAGE} if http_api_id else None

    @property
    def has_http(self) -> bool:
        """Whether the stage has an HTTP API."""
        return self._http_api is not None

    def of_function(
        self,
        spec: FunctionSpec,
        name: str,
        *,
        statistic: str = "Sum",
        period: Duration = FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        """A Lambda metric of a function."""
        dimensions = {"FunctionName": self._config.resource_name(spec.name)}
        return _metric("AWS/Lambda", name, dimensions, statistic, period)

    def of_service(
        self,
        spec: FunctionSpec,
        name: str,
        *,
        statistic: str = "Sum",
        period: Duration = FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        """A metric of the project; Powertools adds the service, which is the function's name."""
        dimensions = {"service": self._config.resource_name(spec.name)}
        return _metric(METRICS_NAMESPACE, name, dimensions, statistic, period)

    def by_dimensions(
        self, spec: FunctionSpec, name: str, by: Iterable[str], period: Duration
    ) -> cloudwatch.MathExpression:
        """A metric of the project with one line per combination of dimension values.

        A search finds the values when the graph is displayed; alarms cannot use searches:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
        """
        schema = ",".join((METRICS_NAMESPACE, "service", *by))
        service = self._config.resource_name(spec.name)
        return cloudwatch.MathExpression(
            expression=f'SEARCH(\'{{{schema}}} MetricName="{name}" service="{service}"\','
            f" 'Sum', {period.to_seconds():.0f})",
            using_metrics={},
            period=period,
            label=name,
        )

    def of_table(
        self,
        table: str,
        name: str,
        *,
        index: str | None = None,
        operation: str | None = None,
        period: Duration = FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        """A DynamoDB metric of a table, of one index, or of one operation."""
        dimensions = {"TableName": self._config.resource_name(table)}
        if index is not None:
            dimensions["GlobalSecondaryIndexName"] = index
        if operation is not None:
            dimensions["Operation"] = operation
        return _metric("AWS/DynamoDB", name, dimensions, "Sum", period)

    def of_gateway(
        self, name: str, *, statistic: str = "Sum", period: Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """An API Gateway metric of the WebSocket stage."""
        return _metric("AWS/ApiGateway", name, self._api, statistic, period)

    def of_http(
        self, name: str, *, statistic: str = "Sum", period: Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """An API Gateway metric of the HTTP API, which the stage must have:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
        """
        assert self._http_api is not None
        return _metric("AWS/ApiGateway", name, self._http_api, statistic, period)

    def gateway_requests(self) -> list[cloudwatch.Metric]:
        """Metrics of the requests that count against the account's quota, per minute."""
        names = ("MessageCount", "ConnectCount")
        found = [self.of_gateway(name, period=MINUTE) for name in names]
        return [*found, self.of_http("Count", period=MINUTE)] if self.has_http else found

    def of_queue(self, queue: str, name: str) -> cloudwatch.Metric:
        """The maximum of an SQS metric of a queue."""
        dimensions = {"QueueName": self._config.resource_name(queue)}
        return _metric("AWS/SQS", name, dimensions, "Maximum", FIVE_MINUTES)

    def of_rule(self, rule: str, name: str) -> cloudwatch.Metric:
        """An EventBridge metric of a rule, given its full name."""
        return _metric("AWS/Events", name, {"RuleName": rule}, "Sum", FIVE_MINUTES)

    def fanned_out(self, *names: str, statistic: str = "Sum") -> list[cloudwatch.Metric]:
        """Fan-out metrics of every function that sends audio."""
        return [
            self.of_service(spec, name, statistic=statistic, period=MINUTE)
            for name in names
            for spec in SENDERS
        ]


def total(
    metrics: Iterable[cloudwatch.IMetric], period: Duration, label: str = "sum"
) -> cloudwatch.MathExpression:
    """The sum of the metrics."""
    return _combined("SUM", metrics, period, label)


def highest(
    metrics: Iterable[cloudwatch.IMetric], period: Duration, label: str = "highest"
) -> cloudwatch.MathExpression:
    """The maximum of the metrics, as percentiles cannot be added."""
    return _combined("MAX", metrics, period, label)


def _combined(
    function: str, metrics: Iterable[cloudwatch.IMetric], period: Duration, label: str
) -> cloudwatch.MathExpression:
    """Combine metrics of which some may never have been emitted, such as those of `broadcast`.

    Functions of lists skip missing data, while `+` yields nothing if either operand is missing:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    # IDs are unique within a graph, start with a lower-case letter and contain no spaces.
    prefix = label.lower().replace(" ", "_")
    named = {f"{prefix}_{number}": metric for number, metric in enumerate(metrics)}
    filled = ", ".join(f"FILL({name}, 0)" for name in named)
    return cloudwatch.MathExpression(
        expression=f"{function}([{filled}])", using_metrics=named, period=period, label=label
    )


def _metric(
    namespace: str, name: str, dimensions: Mapping[str, str], statistic: str, period: Duration
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=period,
    )
