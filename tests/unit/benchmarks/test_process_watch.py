"""The watch over processes: samples, and what counts as flat."""

from __future__ import annotations

import io
import os

import pytest

from benchmarks.soak.process_watch import ProcessSeries, ProcessWatch, read_series, table


def series(rss_mb: list[float], descriptors: list[int] | None = None) -> ProcessSeries:
    """A process sampled each ten seconds."""
    seconds = [10.0 * number for number in range(len(rss_mb))]
    return ProcessSeries(7, "worker", seconds, rss_mb, descriptors or [20] * len(rss_mb))


def test_growth_while_warming_up_does_not_count() -> None:
    assert series([20.0, 40, 60, 80, 90] + [100.0] * 25).verdict == "flat"


@pytest.mark.parametrize(("last", "verdict"), [(104.9, "flat"), (105.1, "GROWS"), (90.0, "flat")])
def test_memory_may_grow_by_a_twentieth(last: float, verdict: str) -> None:
    assert series([100.0] * 25 + [last] * 5).verdict == verdict


def test_kept_connections_are_not_growth() -> None:
    step = [20] * 12 + [120] * 18
    assert series([60.0] * 12 + [66.0] * 18, step).verdict == "connections"
    assert series([60.0] * 12 + [70.0] * 18, step).verdict == "GROWS"
    assert series([60.0] * 30, [20] * 12 + [150] * 18).verdict == "GROWS"
    assert series([60.0] * 30, [900] * 12 + [990] * 18).verdict == "GROWS"


def test_the_database_may_fill_its_caches() -> None:
    one = series([90.0] * 25 + [130.0] * 5)
    one.name = "dynalite"
    assert one.verdict == "flat"


def test_steady_growth_is_growth() -> None:
    assert series([100.0 + number for number in range(30)]).verdict == "GROWS"
    assert series([100.0] * 30, [200 + number for number in range(30)]).verdict == "GROWS"


def test_a_peak_does_not_count() -> None:
    assert series([100.0] * 26 + [100, 180, 100, 100]).verdict == "flat"


def test_descriptors_may_not_grow() -> None:
    assert series([100.0] * 30, [40] * 25 + [46] * 5).verdict == "flat"
    assert series([100.0] * 30, [400] * 25 + [426] * 5).verdict == "GROWS"


def test_young_processes_are_not_judged() -> None:
    one = series([100.0] * 30)
    assert one.judged(run_seconds=580)
    assert not one.judged(run_seconds=590)
    assert not series([100.0] * 11).judged(run_seconds=100)


def test_this_process_is_sampled_and_read_back() -> None:
    file = io.StringIO()
    watch = ProcessWatch({os.getpid(): "tests"}, file)
    watch.sample(0)
    watch.sample(10)
    own = next(each for each in watch.series if each.pid == os.getpid())
    assert (own.name, own.seconds) == ("tests", [0, 10])
    assert own.rss_mb[0] > 10
    assert own.descriptors[0] > 2
    read = read_series(file.getvalue().splitlines())
    assert next(each for each in read if each.pid == os.getpid()) == own


def test_the_table_has_a_verdict_for_each_process() -> None:
    growing, young = series([100.0] * 25 + [120.0] * 5), series([1.0] * 3)
    lines = table([series([100.0] * 30), growing, young], run_seconds=290).splitlines()
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [
        "flat",
        "GROWS",
        "too short to judge",
    ]
