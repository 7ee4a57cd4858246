"""The dashboard's graphs, which share one format."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

# A dashboard is 24 units wide: three graphs a row.
WIDTH = 8
_HEIGHT = 6
PERCENTILES = ("p50", "p95", "p99")


def graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    lines: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> cloudwatch.GraphWidget:
    """A graph that starts at 0 and is a third of the dashboard wide."""
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        left_annotations=list(lines),
        width=WIDTH,
        height=_HEIGHT,
    )
