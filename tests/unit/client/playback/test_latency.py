"""Latency percentiles, and the clock offset."""

from __future__ import annotations

from client.connection.clock_offset import ClockOffset
from client.playback.latency import LatencyRecord, LatencySummary, summarize
from tests.unit.client.support import T0


def test_percentiles_are_values_that_occurred() -> None:
    assert summarize(range(1, 101)) == LatencySummary(100, 50, 95, 99, 100)
    assert summarize([7]) == LatencySummary(1, 7, 7, 7, 7)
    assert summarize([]) is None


def test_a_record_takes_over_another() -> None:
    first, second = LatencyRecord(), LatencyRecord()
    first.add(10)
    second.add(30)
    first.extend(second)
    assert first.summary() == LatencySummary(2, 10, 30, 30, 30)


def test_the_offset_is_that_of_the_shortest_round_trip() -> None:
    offset = ClockOffset()
    offset.add(T0, T0 + 5_900, T0 + 1_000)
    offset.add(T0 + 2_000, T0 + 7_010, T0 + 2_020)
    offset.add(T0 + 4_000, T0 + 9_900, T0 + 4_900)
    assert offset.offset_ms == 5_000


def test_an_offset_within_the_round_trip_proves_nothing() -> None:
    offset = ClockOffset()
    assert offset.offset_ms == 0
    offset.add(T0, T0 + 900, T0 + 1_000)  # an answer that was long under way: no wrong clock
    assert offset.offset_ms == 0
