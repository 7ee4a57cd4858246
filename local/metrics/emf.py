"""Metrics out of log lines in CloudWatch's embedded metric format (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Names and values of a series' dimensions, in the order of the names.
Dimensions = tuple[tuple[str, str], ...]

MILLISECONDS = "Milliseconds"
# Spares the reading of lines that cannot be any.
_MARK = b'"_aws"'

_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of one metric in one line; `at_ms` since the epoch."""

    name: str
    unit: str
    dimensions: Dimensions
    values: tuple[float, ...]
    at_ms: int


def samples(line: bytes) -> Iterator[Sample]:
    """What a line says; nothing if it is no EMF, or not as the format has it.

    A line may hold several documents: a function's workers share a log, and Lambda's runtime writes
    the end of a line by itself, after another worker's line perhaps.
    """
    if _MARK not in line:
        return
    for content in _documents(line):
        try:
            found = list(_samples(content))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        yield from found


def _documents(line: bytes) -> Iterator[Any]:
    try:
        text = line.decode().strip()
        while text:
            content, end = _decode(text)
            yield content
            text = text[end:].lstrip()
    except ValueError:
        return


def _samples(content: Mapping[str, Any]) -> Iterator[Sample]:
    head = content["_aws"]
    at_ms = int(head["Timestamp"])
    for directive in head["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, str(content[name])) for name in names))
            for metric in directive["Metrics"]:
                name = str(metric["Name"])
                unit = str(metric.get("Unit", "None"))
                yield Sample(name, unit, dimensions, _values(content[name]), at_ms)


def _values(given: Any) -> tuple[float, ...]:
    """One number or several. Raises ValueError for one that cannot be added up."""
    values = tuple(float(each) for each in (given if isinstance(given, list) else [given]))
    if not all(map(math.isfinite, values)):
        raise ValueError("not a number")
    return values
