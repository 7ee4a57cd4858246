"""Bounds of the leaky bucket, with clock changes and reordered messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.utils.leaky_bucket import STEP_MS, LeakyBucket

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
def test_real_time_flows_soon_after_a_clock_change(
    before: list[int], step: int, after: list[int]
) -> None:
    jittered = [200 * index + late for index, late in enumerate(before)]
    burst = [jittered[-1]] * 12
    later = [burst[-1] + step + 200 * (index + 1) + late for index, late in enumerate(after)]
    kept = taken([*jittered, *burst, *later])
    first = len(jittered) + len(burst)
    lost = [index - first for index in range(first, first + len(later)) if index not in kept]
    # The bucket is full when the clock changes. Times just over STEP_MS back wait until they
    # have caught up: 1 400 ms, jitter, and a chunk for the drain.
    assert all(index < 7 for index in lost[:-1])
    assert len(lost) <= 8


@given(st.lists(st.integers(-300, 700), min_size=1, max_size=300), st.integers(1, 1_000))
def test_reordered_messages_get_no_more_than_real_time_and_the_limit(
    steps: list[int], amount: int
) -> None:
    times, now, newest = [], 10_000, 10_000
    for step in steps:
        now = max(now + step, newest - STEP_MS)
        newest = max(newest, now)
        times.append(now)
    assert excess(times, amount) <= 0


@given(st.lists(st.integers(-3_000, 700), min_size=1, max_size=300), st.integers(1, 1_000))
def test_a_clock_set_back_repeats_at_most_the_time_by_which_it_was_set_back(
    steps: list[int], amount: int
) -> None:
    times, now = [], 10_000
    for step in steps:
        now += step
        times.append(now)
    assert excess(times, amount) <= -sum(step for step in steps if step < 0)


def excess(times: list[int], amount: int) -> int:
    """How much more is taken in any interval than its real time, the limit and one amount allow."""
    kept = [times[index] for index in taken(times, amount)]
    worst = 0
    for first in range(len(kept)):
        oldest = newest = kept[first]
        for last in range(first, len(kept)):
            oldest, newest = min(oldest, kept[last]), max(newest, kept[last])
            audio = (last - first + 1) * amount
            worst = max(worst, audio - (newest - oldest) - LIMIT - amount)
    return worst


def test_a_clock_set_back_by_less_than_two_chunks_over_the_step_catches_up() -> None:
    burst = [0] * 12
    later = [-1_400 + 200 * (index + 1) for index in range(12)]
    kept = taken([*burst, *later])
    # The second time back is no longer more than STEP_MS back, so it confirms nothing.
    assert kept == [*range(11), *range(12 + 7, 24)]
