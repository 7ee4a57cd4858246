"""Tally of the chunks that listeners receive."""

from __future__ import annotations

from benchmarks.crowd import Tally


def test_deliveries_duplicates_and_late_chunks_are_counted() -> None:
    tally = Tally(listeners=2, chunks=2, chunk_ms=200, first_seq=10)
    tally.add(0, 10, 1_000, 1_210.0)
    tally.add(0, 10, 1_000, 1_220.0)
    tally.add(1, 10, 1_000, 1_230.0)
    tally.add(0, 11, 1_200, 1_900.0)
    assert tally.figures(playout_ms=400) == {
        "expected": 4,
        "delivered": 3,
        "missing": 1,
        "late": 1,
        "duplicates": 1,
        "p50_ms": 30.0,
        "p95_ms": 500.0,
        "p99_ms": 500.0,
        "max_ms": 500.0,
    }


def test_chunks_of_an_earlier_measurement_are_not_counted() -> None:
    tally = Tally(listeners=1, chunks=2, chunk_ms=200, first_seq=10)
    tally.add(0, 9, 1_000, 1_210.0)
    tally.add(0, 12, 1_000, 1_210.0)
    assert tally.delivered == 0
