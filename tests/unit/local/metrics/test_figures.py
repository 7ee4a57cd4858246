"""Figures of metrics: of the last seconds and of all the time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local.metrics.emf import Dimensions, Sample
from local.metrics.figures import Board, Figures, Tally
from local.metrics.table import table

NOW = 1_700_000_000_000
AUDIO = (("service", "stack-audio"),)


def sample(
    *values: float,
    name: str = "Sent",
    unit: str = "Count",
    at_ms: int = NOW,
    dimensions: Dimensions = AUDIO,
) -> Sample:
    return Sample(name, unit, dimensions, values, at_ms)


def figures(board: Board, now_ms: int = NOW) -> Figures:
    (found,) = board.figures(now_ms)
    return found


def test_what_is_older_than_ten_seconds_counts_overall_alone() -> None:
    board = Board()
    for seconds in range(30):
        board.add(sample(1, at_ms=NOW - 1000 * seconds), NOW)

    found = figures(board)
    assert (found.recent.total, found.overall.total) == (10, 30)
    assert found.as_json()["recent"]["sumPerSecond"] == 1
    assert figures(board, NOW + 4_000).recent.total == 6
    assert figures(board, NOW + 60_000).recent.total == 0
    assert figures(board, NOW + 60_000).overall.total == 30


def test_a_clock_ahead_does_not_keep_values_longer() -> None:
    board = Board()
    board.add(sample(1, at_ms=NOW + 3_600_000), NOW)

    assert figures(board).recent.total == 1
    assert figures(board, NOW + 10_000).recent.total == 0


def test_series_are_told_apart_by_name_and_dimensions() -> None:
    board = Board()
    for role, reason in itertools.product(("listener", "speaker"), ("idle", "replaced")):
        board.add(sample(1, dimensions=(("Reason", reason), ("Role", role))), NOW)
    board.add(sample(2, name="Failed"), NOW)
    board.add(sample(3, name="Failed"), NOW)

    found = list(board.figures(NOW))
    assert [each.name for each in found] == ["Failed", *["Sent"] * 4]
    assert found[0].overall.total == 5
    assert len({each.dimensions for each in found[1:]}) == 4


def test_too_many_series_are_left_out_and_said_so() -> None:
    board = Board()
    for number in range(600):
        board.add(sample(1, dimensions=(("id", str(number)),)), NOW)

    assert len(list(board.figures(NOW))) == 500
    assert board.left_out == 100


@given(st.lists(st.floats(min_value=0.01, max_value=100_000), min_size=1))
def test_percentiles_are_within_a_percent_or_so_of_the_values(values: list[float]) -> None:
    tally = Tally()
    tally.add(values)
    for percent in (50, 95, 99):
        exact = sorted(values)[-(-len(values) * percent // 100) - 1]
        assert tally.percentile(percent) == pytest.approx(exact, rel=0.011)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e300])
def test_odd_durations_do_no_harm(value: float) -> None:
    tally = Tally()
    tally.add([value])

    assert tally.percentile(99) is not None


def test_durations_have_percentiles_and_counts_have_none() -> None:
    board = Board()
    board.add(sample(5, name="A"), NOW)
    board.add(sample(5, name="B", unit="Milliseconds", at_ms=NOW - 20_000), NOW)
    count, duration = (each.as_json() for each in board.figures(NOW))

    assert count["overall"] == {"count": 1, "sum": 5}
    assert duration["overall"].keys() == {"count", "sum", "p50", "p95", "p99"}
    assert duration["recent"]["p99"] is None


def test_the_table_fits_a_terminal() -> None:
    board = Board()
    board.add(sample(40), NOW)
    board.add(sample(7, name="Took", unit="Milliseconds"), NOW)
    board.add(sample(2, dimensions=(("Role", "speaker"), ("service", "stack-timeout"))), NOW)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table(list(board.figures(NOW)), "logs"))

    rows = [line.split() for line in capture.get().splitlines()]
    assert ["Sent", "audio", "40", "4.0", "40"] in rows
    assert ["Sent", "timeout,", "Role", "speaker", "2", "0.2", "2"] in rows
    assert ["Took", "audio", "1", "0.1", "7.0", "7.0", "7.0", "1"] in rows
