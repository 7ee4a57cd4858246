"""Statistics of the benchmarks."""

from __future__ import annotations

import math

import pytest

from benchmarks.figures import percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(number) for number in range(100)], 0.99, 99.0),
        ([float(number) for number in range(200)], 0.99, 198.0),
        ([7.0], 0.0, 7.0),
        ([7.0, 8.0], 1.0, 8.0),
    ],
)
def test_a_percentile_is_a_measured_value(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_the_percentile_of_no_values_is_nan() -> None:
    assert math.isnan(percentile([], 0.5))
