"""The simulation of scale: reproducible, complete, and within the quota."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulation.model import Assumptions, Latency, RequestQuota, shards_of, simulate
from benchmarks.simulation.prices import Usage, dollars_per_listener_hour
from shared.models.delivery import Outcome

UNLIMITED = 1_000_000_000


def test_a_seed_determines_everything() -> None:
    first, again, other = (
        simulate(700, 200, 3, RequestQuota(5_000, 500), seed=seed) for seed in (1, 1, 2)
    )

    assert first == again
    assert first.until_last_post != other.until_last_post


@given(
    listeners=st.integers(1, 1_200),
    rate=st.integers(100, 20_000),
    burst=st.integers(1, 2_000),
    seed=st.integers(0, 9),
)
def test_every_post_has_an_outcome_and_the_quota_holds(
    listeners: int, rate: int, burst: int, seed: int
) -> None:
    chunks = 2
    found = simulate(listeners, 200, chunks, RequestQuota(rate, burst), seed=seed)

    assert found.outcomes.total() == chunks * listeners
    # A recipient gets a chunk once; its other attempts were refused.
    assert found.outcomes[Outcome.SENT] <= found.admitted <= found.requests
    assert found.admitted <= burst + rate * (max(found.until_last_post) + 0.2 * (chunks - 1)) + 1
    # No post is waited for beyond the deadline of 400 ms, give or take a step.
    assert max(found.until_last_post) <= 0.45


def test_without_a_limit_everybody_is_reached() -> None:
    found = simulate(1_000, 600, 5, RequestQuota(UNLIMITED, UNLIMITED))

    assert found.outcomes == {Outcome.SENT: 5_000}
    assert found.requests == found.admitted == 5_000
    assert found.invocations == 5


def test_functions_send_one_post_after_the_other() -> None:
    instant = Latency(0.001, 0.0011)
    assumed = Assumptions(post=instant, invoke=instant, prepare=instant, cpu_us=100.0)
    found = simulate(400, 200, 1, RequestQuota(UNLIMITED, UNLIMITED), assumed=assumed)

    assert found.until_last_post == [pytest.approx(0.04, rel=0.01)]


def test_shards_are_those_of_the_fan_out() -> None:
    assert shards_of(500, 500, 200) == []
    assert sorted(shards_of(1_001, 500, 200)) == [333, 334, 334]
    assert shards_of(1_001, 500, 500) == []


def test_an_audience_of_thousands_pays_for_little_beside_its_messages() -> None:
    usage = Usage(10_000, 200, 8_800, function_seconds=2.0, invocations=21)

    # docs/operations.md: $0.0180 for deliveries, $0.0142 for data out.
    assert dollars_per_listener_hour(usage) == pytest.approx(0.032, rel=0.05)
