"""Positions in the sound that was heard are times of the floor, over any gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.timeline import Timeline

BEGIN = 1_700_000_000_000
# A chunk: how long after the end of the one before it begins, and how long it is, in ms.
CHUNKS = st.lists(
    st.tuples(st.one_of(st.just(0), st.integers(21, 100_000)), st.integers(1, 1_000)),
    min_size=1,
    max_size=40,
)


def timeline_of(chunks: list[tuple[int, int]]) -> tuple[Timeline, list[tuple[int, int, int]]]:
    """With, of each chunk, its position, its timestamp and how long it is."""
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
def test_every_chunk_begins_and_ends_when_it_was_spoken(chunks: list[tuple[int, int]]) -> None:
    timeline, placed = timeline_of(chunks)

    assert timeline.heard_ms == sum(duration for _, duration in chunks)
    for position, timestamp, duration in placed:
        assert timeline.at(position) == timestamp
        assert timeline.at(position + duration / 2) == round(timestamp + duration / 2)
        assert timeline.end_at(position + duration) == timestamp + duration


@given(CHUNKS, st.floats(0, 1), st.floats(0, 1))
def test_later_in_the_sound_is_later_on_the_floor(
    chunks: list[tuple[int, int]], one: float, other: float
) -> None:
    timeline, _ = timeline_of(chunks)
    first, second = (share * timeline.heard_ms for share in sorted((one, other)))

    assert timeline.at(first) <= timeline.at(second)
    assert timeline.end_at(first) <= timeline.end_at(second)
    assert timeline.end_at(first) <= timeline.at(first)


@given(st.lists(st.integers(-19, 19), min_size=1, max_size=50))
def test_timestamps_that_shiver_make_no_gaps(shivers: list[int]) -> None:
    timeline = Timeline()
    timeline.add(BEGIN, 200)
    for number, shiver in enumerate(shivers, 1):
        timeline.add(BEGIN + number * 200 + shiver, 200)

    assert timeline.at(timeline.heard_ms) == BEGIN + timeline.heard_ms


@given(st.lists(st.integers(1, 5), min_size=20, max_size=60))
def test_a_clock_that_drifts_is_followed(drifts: list[int]) -> None:
    timeline = Timeline()
    timestamp = BEGIN
    for drift in drifts:
        timeline.add(timestamp, 200)
        timestamp += 200 + drift

    assert abs(timeline.at(timeline.heard_ms) - timestamp) <= 20 + 5


def test_a_clock_that_was_set_back_is_followed_too() -> None:
    timeline = Timeline()
    timeline.add(BEGIN, 200)
    timeline.add(BEGIN - 60_000, 200)

    assert timeline.at(200) == BEGIN - 60_000
    assert timeline.end_at(200) == BEGIN + 200


def test_it_forgets_what_was_long_ago() -> None:
    timeline = Timeline()
    for number in range(20_000):
        timeline.add(BEGIN + number * 1_000, 200)

    assert timeline.at(timeline.heard_ms - 200) == BEGIN + 19_999_000
    assert timeline.at(timeline.heard_ms - 8_000 * 200) == BEGIN + 12_000_000


def test_nothing_can_be_said_of_what_was_not_heard() -> None:
    timeline = Timeline()
    with pytest.raises(ValueError, match="no audio"):
        timeline.at(0)
    with pytest.raises(ValueError, match="no audio"):
        timeline.end_at(0)
