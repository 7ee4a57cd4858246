"""One of a kind a second, and how many were kept back."""

from __future__ import annotations

from shared.utils.rate_limited_log import RateLimitedLog
from tests.helpers.doubles import ManualClock


def test_one_of_each_kind_passes_a_second() -> None:
    clock = ManualClock()
    seldom = RateLimitedLog(clock.monotonic)

    assert [seldom.due("a") for _ in range(4)] == [0, None, None, None]
    assert seldom.due("b") == 0
    clock.advance(999)
    assert seldom.due("a") is None
    clock.advance(1)
    assert [seldom.due("a"), seldom.due("a")] == [4, None]


def test_kinds_do_not_pile_up() -> None:
    seldom = RateLimitedLog(ManualClock().monotonic)
    for number in range(10_000):
        seldom.due(number)

    assert seldom.due(0) == 0, "forgotten, so it passes again"
