"""Bounds of the leaky bucket, with clock changes and reordered messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.utils.leaky_bucket import LeakyBucket

T0 = 1_700_000_000_000
LIMIT = 2_000


def taken(times: list[int], amount: int = 200) -> list[int]:
    """Indexes of the times at which `amount` was taken."""
    bucket = LeakyBucket()
    return [index for index, at in enumerate(times) if bucket.take(T0 + at, amount, limit=LIMIT)]


def test_a_burst_fills_and_time_drains() -> None:
    assert taken([0] * 12 + [199, 200, 200]) == [*range(11), 13]


def test_silence_earns_no_credit() -> None:
    assert len(taken([0] + [600_000] * 3_010)) == 1 + 11


def test_refused_amounts_are_not_added() -> None:
    flood = [step * 10 for step in range(500)]
    kept = taken([*flood, 5_000, 5_200, 5_400])
    assert kept[-2:] == [501, 502]


def test_an_overtaken_message_neither_drains_nor_blocks() -> None:
    assert taken([0, 900, 100, 1_000, 300, 1_200, 1_400]) == list(range(7))


def test_a_single_time_far_ahead_blocks_nothing() -> None:
    full = [0] * 11
    after = [200 * step for step in range(1, 11)]
    kept = taken([*full, 3_600_000, *after])
    # The outlier empties the bucket once; from then on the times agree with each other.
    assert kept == [*range(12), *range(12, 22)]


def test_alternating_times_earn_nothing() -> None:
    assert len(taken([5_000 * (index % 2) for index in range(1_000)])) == 1 + 11


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=30),
    st.integers(-3_600_000, 3_600_000),
    st.lists(st.integers(0, 60), min_size=10, max_size=30),
)
def test_real_time_flows_within_a_second_of_a_clock_change(
    before: list[int], step: int, after: list[int]
) -> None:
    jittered = [200 * index + late for index, late in enumerate(before)]
    burst = [jittered[-1]] * 12
    later = [burst[-1] + step + 200 * (index + 1) + late for index, late in enumerate(after)]
    kept = taken([*jittered, *burst, *later])
    first = len(jittered) + len(burst)
    lost = [index - first for index in range(first, first + len(later)) if index not in kept]
    # Full when the clock steps: what drains afterwards is heard; jitter costs a chunk at most.
    assert all(index < 5 for index in lost[:-1])
    assert len(lost) <= 6


@given(st.lists(st.integers(-300, 700), min_size=1, max_size=300), st.integers(1, 1_000))
def test_no_interval_exceeds_real_time_and_the_limit(steps: list[int], amount: int) -> None:
    times, now = [], 10_000
    for step in steps:
        now += step
        times.append(now)
    kept = [times[index] for index in taken(times, amount)]
    for first in range(len(kept)):
        newest = kept[first]
        for last in range(first, len(kept)):
            newest = max(newest, kept[last])
            audio = (last - first + 1) * amount
            assert audio <= newest - min(kept[first : last + 1]) + LIMIT + amount
