"""Sustained rate and burst of each key, in any interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.utils.keyed_rate_limiter import KeyedRateLimiter

T0 = 1_700_000_000_000


def buckets() -> KeyedRateLimiter:
    return KeyedRateLimiter(per_second=10, burst=20)


def test_a_burst_is_followed_by_the_sustained_rate() -> None:
    bucket = buckets()

    assert [bucket.take("a", T0) for _ in range(21)] == [True] * 20 + [False]
    assert not bucket.take("a", T0 + 99)
    assert [bucket.take("a", T0 + 100), bucket.take("a", T0 + 100)] == [True, False]


def test_an_hour_of_silence_permits_only_one_burst() -> None:
    bucket = buckets()
    bucket.take("a", T0)

    assert sum(bucket.take("a", T0 + 3_600_000) for _ in range(100)) == 20


def test_alternating_times_earn_nothing() -> None:
    bucket = buckets()
    taken = [bucket.take("a", T0 + 1_000 * (number % 2)) for number in range(100)]

    # One, then the tokens of one second.
    assert sum(taken) == 1 + 20


def test_keys_are_independent() -> None:
    bucket = buckets()
    for _ in range(21):
        bucket.take("a", T0)

    assert bucket.take("b", T0)


def test_the_number_of_keys_is_bounded() -> None:
    bucket = buckets()
    for _ in range(21):
        bucket.take("a", T0)
    for number in range(2_000):
        bucket.take(number, T0)

    assert bucket.take("a", T0)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=200))
def test_no_interval_exceeds_burst_and_rate(pauses: list[int]) -> None:
    bucket = buckets()
    now = T0
    taken: list[int] = []
    for pause in pauses:
        now += pause
        if bucket.take("a", now):
            taken.append(now)

    for first, begun in enumerate(taken):
        for last, ended in enumerate(taken[first:], start=first):
            assert last - first + 1 <= 20 + (ended - begun) / 100 + 1e-6


@pytest.mark.parametrize("pause", [100, 150, 1_000])
def test_requests_within_the_rate_are_never_refused(pause: int) -> None:
    bucket = buckets()

    assert all(bucket.take("a", T0 + number * pause) for number in range(200))


@given(
    st.integers(-3_600_000, 3_600_000),
    st.integers(0, 40),
    st.lists(st.integers(0, 40), min_size=30, max_size=30),
)
def test_a_clock_change_blocks_a_key_for_at_most_a_second(
    step: int, before: int, jitters: list[int]
) -> None:
    bucket = buckets()
    for _ in range(before):
        bucket.take("a", T0)
    times = [step + 110 * (index + 1) + jitter for index, jitter in enumerate(jitters)]
    refused = [index for index, time in enumerate(times) if not bucket.take("a", T0 + time)]
    # Ten per second; jitter at the limit may cost one more.
    assert len([index for index in refused if index > 10]) <= 1


def test_the_least_recently_used_key_is_dropped() -> None:
    bucket = buckets()
    for _ in range(21):
        bucket.take("busy", T0)
    for number in range(2_000):
        bucket.take(number, T0)
        bucket.take("busy", T0)

    assert not bucket.take("busy", T0)
