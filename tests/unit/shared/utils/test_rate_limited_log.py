"""One message per second and kind, and the number of suppressed ones."""

from __future__ import annotations

from shared.utils.rate_limited_log import RateLimitedLog
from tests.helpers.doubles import ManualClock


def test_one_message_of_each_kind_passes_per_second() -> None:
    clock = ManualClock()
    seldom = RateLimitedLog(clock.monotonic)

    assert [seldom.due("a") for _ in range(4)] == [0, None, None, None]
    assert seldom.due("b") == 0
    clock.advance(999)
    assert seldom.due("a") is None
    clock.advance(1)
    assert [seldom.due("a"), seldom.due("a")] == [4, None]


def test_the_number_of_kinds_is_bounded() -> None:
    seldom = RateLimitedLog(ManualClock().monotonic)
    for number in range(10_000):
        seldom.due(number)

    assert seldom.due(0) == 0, "forgotten, so it passes again"
