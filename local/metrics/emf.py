"""Parses metrics in CloudWatch's embedded metric format (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Names and values, sorted by name.
Dimensions = tuple[tuple[str, str], ...]

MILLISECONDS = "Milliseconds"
# Lines without it are not parsed.
_MARK = b'"_aws"'

_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of one metric in one document; `at_ms` is since the epoch."""

    name: str
    unit: str
    dimensions: Dimensions
    values: tuple[float, ...]
    at_ms: int


def samples(line: bytes) -> Iterator[Sample]:
    """Yield the samples of a log line; lines and documents that are not valid EMF have none.

    A line can hold several documents: the workers of a function share a log, and Lambda's runtime
    writes a line and its end separately.
    """
    if _MARK not in line:
        return
    for document in _documents(line):
        try:
            found = list(_samples(document))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        yield from found


def _documents(line: bytes) -> Iterator[Any]:
    try:
        text = line.decode().strip()
        while text:
            document, end = _decode(text)
            yield document
            text = text[end:].lstrip()
    except ValueError:
        return


def _samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    at_ms = int(document["_aws"]["Timestamp"])
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, str(document[name])) for name in names))
            for metric in directive["Metrics"]:
                name = str(metric["Name"])
                unit = str(metric.get("Unit", "None"))
                yield Sample(name, unit, dimensions, _values(document[name]), at_ms)


def _values(value: Any) -> tuple[float, ...]:
    """Convert one number or a list of them. Raises ValueError for NaN and infinity."""
    values = tuple(float(each) for each in (value if isinstance(value, list) else [value]))
    if not all(map(math.isfinite, values)):
        raise ValueError("not a finite number")
    return values
