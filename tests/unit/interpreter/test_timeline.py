"""Conversion of audio positions to floor times, over any gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.timeline import Timeline

BEGIN = 1_700_000_000_000
# Chunks: gap after the previous one, and duration (ms).
CHUNKS = st.lists(
    st.tuples(st.one_of(st.just(0), st.integers(21, 100_000)), st.integers(1, 1_000)),
    min_size=1,
    max_size=40,
)


def timeline_of(chunks: list[tuple[int, int]]) -> tuple[Timeline, list[tuple[int, int, int]]]:
    """Timeline of the chunks, with position, timestamp and duration of each."""
    timeline = Timeline()
    position, timestamp = 0, BEGIN
    placed = []
    for gap, duration in chunks:
        timestamp += gap
        timeline.add(timestamp, duration)
        placed.append((position, timestamp, duration))
        position += duration
        timestamp += duration
    return timeline, placed


@given(CHUNKS)
def test_chunk_positions_map_to_their_timestamps(chunks: list[tuple[int, int]]) -> None:
    timeline, placed = timeline_of(chunks)

    assert timeline.heard_ms == sum(duration for _, duration in chunks)
    for position, timestamp, duration in placed:
        assert timeline.at(position) == timestamp
        assert timeline.at(position + duration / 2) == round(timestamp + duration / 2)
        assert timeline.end_at(position + duration) == timestamp + duration


@given(CHUNKS, st.floats(0, 1), st.floats(0, 1))
def test_floor_times_increase_with_the_position(
    chunks: list[tuple[int, int]], one: float, other: float
) -> None:
    timeline, _ = timeline_of(chunks)
    first, second = (share * timeline.heard_ms for share in sorted((one, other)))

    assert timeline.at(first) <= timeline.at(second)
    assert timeline.end_at(first) <= timeline.end_at(second)
    assert timeline.end_at(first) <= timeline.at(first)


@given(st.lists(st.integers(-19, 19), min_size=1, max_size=50))
def test_jittering_timestamps_make_no_gaps(jitters: list[int]) -> None:
    timeline = Timeline()
    timeline.add(BEGIN, 200)
    for number, jitter in enumerate(jitters, 1):
        timeline.add(BEGIN + number * 200 + jitter, 200)

    assert timeline.at(timeline.heard_ms) == BEGIN + timeline.heard_ms


@given(st.lists(st.integers(1, 5), min_size=20, max_size=60))
def test_clock_drift_is_followed(drifts: list[int]) -> None:
    timeline = Timeline()
    timestamp = BEGIN
    for drift in drifts:
        timeline.add(timestamp, 200)
        timestamp += 200 + drift

    assert abs(timeline.at(timeline.heard_ms) - timestamp) <= 20 + 5


def test_a_clock_step_back_is_followed() -> None:
    timeline = Timeline()
    timeline.add(BEGIN, 200)
    timeline.add(BEGIN - 60_000, 200)

    assert timeline.at(200) == BEGIN - 60_000
    assert timeline.end_at(200) == BEGIN + 200


def test_old_gaps_are_forgotten() -> None:
    timeline = Timeline()
    for number in range(20_000):
        timeline.add(BEGIN + number * 1_000, 200)

    assert timeline.at(timeline.heard_ms - 200) == BEGIN + 19_999_000
    assert timeline.at(timeline.heard_ms - 8_000 * 200) == BEGIN + 12_000_000


def test_an_empty_timeline_raises_value_error() -> None:
    timeline = Timeline()
    with pytest.raises(ValueError, match="no audio"):
        timeline.at(0)
    with pytest.raises(ValueError, match="no audio"):
        timeline.end_at(0)
