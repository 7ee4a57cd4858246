"""RATE_LIMITED: (seq - seq0) * chunkMs - (now - t0) may not exceed 2 000 ms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.errors import LingocastError
from shared.utils.pace import Pace
from tests.helpers.doubles import ManualClock


def test_two_seconds_ahead_and_not_more() -> None:
    pace = Pace(ManualClock())
    pace.check("a", 100, 200)

    pace.check("a", 110, 200)
    with pytest.raises(LingocastError, match="RATE_LIMITED"):
        pace.check("a", 111, 200)
    pace.check("b", 111, 200)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(0, 10_000))
def test_real_time_with_jitter_is_never_limited(jitters: list[int], first: int) -> None:
    clock = ManualClock()
    pace = Pace(clock)
    start = clock.now_ms()
    for index, jitter in enumerate(jitters):
        due = start + index * 200 + jitter
        clock.advance(max(0, due - clock.now_ms()))
        pace.check("a", first + index, 200)


def test_streams_are_forgotten_rather_than_piled_up() -> None:
    pace = Pace(ManualClock())
    for number in range(2_000):
        pace.check(number, 0, 200)

    pace.check(0, 10_000, 200)  # forgotten, so it may start anywhere
