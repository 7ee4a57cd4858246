"""A rate that lasts and a burst: never more of them than that, in any stretch of time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.utils.token_buckets import TokenBuckets
from tests.helpers.doubles import ManualClock


def buckets(clock: ManualClock) -> TokenBuckets:
    return TokenBuckets(clock, per_second=10, burst=20)


def test_a_burst_and_then_the_rate() -> None:
    clock = ManualClock()
    bucket = buckets(clock)

    assert [bucket.take("a") for _ in range(21)] == [True] * 20 + [False]
    clock.advance(99)
    assert not bucket.take("a")
    clock.advance(1)
    assert [bucket.take("a"), bucket.take("a")] == [True, False]


def test_an_hour_of_silence_allows_no_more_than_a_burst() -> None:
    clock = ManualClock()
    bucket = buckets(clock)
    bucket.take("a")
    clock.advance(3_600_000)

    assert sum(bucket.take("a") for _ in range(100)) == 20


def test_keys_have_nothing_to_do_with_each_other() -> None:
    bucket = buckets(ManualClock())
    for _ in range(21):
        bucket.take("a")

    assert bucket.take("b")


def test_keys_are_forgotten_rather_than_piled_up() -> None:
    bucket = buckets(ManualClock())
    for _ in range(21):
        bucket.take("a")
    for number in range(2_000):
        bucket.take(number)

    assert bucket.take("a")


@given(st.lists(st.integers(0, 400), min_size=1, max_size=200))
def test_no_stretch_of_time_has_more_than_the_burst_and_the_rate(pauses: list[int]) -> None:
    clock = ManualClock()
    bucket = buckets(clock)
    taken: list[int] = []
    for pause in pauses:
        clock.advance(pause)
        if bucket.take("a"):
            taken.append(clock.now_ms())

    for first, begun in enumerate(taken):
        for last, ended in enumerate(taken[first:], start=first):
            assert last - first + 1 <= 20 + (ended - begun) / 100 + 1e-6


@pytest.mark.parametrize("pause", [100, 150, 1_000])
def test_who_keeps_to_the_rate_is_never_refused(pause: int) -> None:
    clock = ManualClock()
    bucket = buckets(clock)

    for _ in range(200):
        assert bucket.take("a")
        clock.advance(pause)
