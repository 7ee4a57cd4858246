"""Metric series: the recent window, the whole run, and the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local.metrics.emf import Dimensions, Sample
from local.metrics.series import Distribution, Series
from local.metrics.table import metrics_table

NOW = 1_700_000_000_000
AUDIO = (("service", "stack-audio"),)


def series(
    *values: float,
    name: str = "Sent",
    unit: str = "Count",
    at_ms: int = NOW,
    dimensions: Dimensions = AUDIO,
) -> Series:
    made = Series(name, unit, dimensions)
    made.add(Sample(name, unit, dimensions, values, at_ms), NOW)
    return made


def test_values_older_than_ten_seconds_count_only_overall() -> None:
    sent = series()
    for seconds in range(30):
        sent.add(Sample("Sent", "Count", AUDIO, (1,), NOW - 1000 * seconds), NOW)

    found = sent.summary(NOW)
    assert (found.recent.total, found.overall.total) == (10, 30)
    assert found.as_json()["recent"]["sumPerSecond"] == 1
    assert sent.summary(NOW + 4_000).recent.total == 6
    assert sent.summary(NOW + 60_000).recent.total == 0
    assert sent.summary(NOW + 60_000).overall.total == 30


def test_a_clock_ahead_does_not_keep_values_for_longer() -> None:
    sent = series(1, at_ms=NOW + 3_600_000)

    assert sent.summary(NOW).recent.total == 1
    assert sent.summary(NOW + 10_000).recent.total == 0


@given(st.lists(st.floats(min_value=0.01, max_value=100_000), min_size=1))
def test_percentiles_are_accurate_to_half_a_percent(values: list[float]) -> None:
    distribution = Distribution(values)
    for percent in (50, 95, 99):
        exact = sorted(values)[-(-len(values) * percent // 100) - 1]
        assert distribution.percentile(percent) == pytest.approx(exact, rel=0.006)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e300])
def test_unusual_values_are_accepted(value: float) -> None:
    assert Distribution([value]).percentile(99) == value


def test_only_durations_have_percentiles() -> None:
    count = series(5).summary(NOW).as_json()
    duration = series(5, unit="Milliseconds", at_ms=NOW - 20_000).summary(NOW).as_json()

    assert count["overall"] == {"count": 1, "sum": 5}
    assert duration["overall"].keys() == {"count", "sum", "p50", "p95", "p99"}
    assert duration["recent"]["p99"] is None


def test_the_table_fits_a_terminal() -> None:
    timeout = (("Role", "speaker"), ("service", "stack-timeout"))
    rows = [
        series(40),
        series(7, name="Took", unit="Milliseconds"),
        series(2, dimensions=timeout),
    ]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(metrics_table([each.summary(NOW) for each in rows], "logs"))

    printed = [line.split() for line in capture.get().splitlines()]
    assert ["Sent", "audio", "40", "4.0", "40"] in printed
    assert ["Sent", "timeout,", "Role", "speaker", "2", "0.2", "2"] in printed
    assert ["Took", "audio", "1", "0.1", "7.0", "7.0", "7.0", "1"] in printed
