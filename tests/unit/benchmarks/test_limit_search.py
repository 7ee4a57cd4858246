"""Search for the largest audience within the limit."""

from __future__ import annotations

import pytest

from benchmarks.limit_search import (
    MOST_LISTENERS,
    MOST_P99_MS,
    MOST_STEPS,
    RESOLUTION,
    Measurement,
    find_limit,
)


class Machine:
    """Delivers to `most` listeners in time, and loses chunks beyond that."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.measured: list[int] = []

    async def measure(self, listeners: int) -> Measurement:
        self.measured.append(listeners)
        return {
            "listeners": listeners,
            "missing": int(listeners > self.most),
            "p99_ms": 100.0,
        }


@pytest.mark.parametrize("most", [0, 249, 250, 1_000, 4_600, 7_999, 8_000, 100_000])
@pytest.mark.parametrize("start", [1, 500, 4_500, 8_000])
async def test_the_limit_is_found_in_a_few_steps(most: int, start: int) -> None:
    machine = Machine(most)
    found = await find_limit(machine.measure, start)
    limit = found["limit_listeners"]
    assert min(most, MOST_LISTENERS) - RESOLUTION < limit <= most
    assert limit <= MOST_LISTENERS
    assert len(machine.measured) <= MOST_STEPS
    assert limit == 0 or found["listeners"] == limit


async def test_a_slow_audience_is_beyond_the_limit() -> None:
    async def measure(listeners: int) -> Measurement:
        slow = listeners > 2_000
        p99_ms = MOST_P99_MS + 1 if slow else MOST_P99_MS
        return {"listeners": listeners, "missing": 0, "p99_ms": p99_ms}

    assert (await find_limit(measure, 4_000))["limit_listeners"] == 2_000


async def test_an_audience_without_any_delivery_is_beyond_the_limit() -> None:
    async def measure(listeners: int) -> Measurement:
        return {"listeners": listeners, "missing": 0, "p99_ms": float("nan")}

    assert (await find_limit(measure, 500))["limit_listeners"] == 0
