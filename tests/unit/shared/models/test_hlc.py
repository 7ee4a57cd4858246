"""Hybrid logical clock: monotone, causal, and never ahead of the time it has seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.models.hlc import Hlc, HybridClock

WALLS = st.integers(0, 2**53 - 10)
NODES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
MOMENTS = st.builds(Hlc, WALLS, st.integers(0, 2**31 - 1), NODES)
# Close to each other, so that ties occur.
TIMES = st.integers(1_000, 1_020)
STEPS = st.tuples(st.integers(0, 3), TIMES, st.none() | st.integers(0, 3))


@given(MOMENTS, MOMENTS)
def test_sortable_strings_are_ordered_as_timestamps(one: Hlc, other: Hlc) -> None:
    texts = one.sortable(), other.sortable()

    assert (one < other, one == other) == (texts[0] < texts[1], texts[0] == texts[1])


@given(st.lists(NODES, min_size=2, max_size=8))
def test_ties_are_broken_by_code_points_even_if_strings_compare_by_utf_16(
    nodes: list[str],
) -> None:
    moments = sorted(Hlc(1, 1, node) for node in nodes)

    by_utf_16 = sorted(moments, key=lambda moment: moment.sortable().encode("utf-16-be"))
    assert by_utf_16 == moments


@given(st.lists(STEPS, max_size=60))
def test_timestamps_never_run_backwards_and_causes_come_first(
    steps: list[tuple[int, int, int | None]],
) -> None:
    """Four nodes tick and receive timestamps; their wall clocks jump."""
    clocks = [HybridClock(f"node-{number}") for number in range(4)]
    greatest_wall = 0
    for number, now_ms, heard in steps:
        before = clocks[number].latest
        greatest_wall = max(greatest_wall, now_ms)
        remote = None if heard is None else clocks[heard].latest
        moment = (
            clocks[number].tick(now_ms) if remote is None else clocks[number].merge(remote, now_ms)
        )

        assert before is None or moment > before
        assert remote is None or moment.wall_ms >= remote.wall_ms
        assert remote is None or (moment.wall_ms, moment.counter) > (remote.wall_ms, remote.counter)
        assert now_ms <= moment.wall_ms <= greatest_wall
        assert clocks[number].latest == moment


@given(MOMENTS, WALLS)
def test_ticks_follow_received_timestamps_even_with_a_full_counter(
    remote: Hlc, now_ms: int
) -> None:
    clock = HybridClock("a node")

    heard = clock.merge(remote, now_ms)
    said = clock.tick(now_ms)

    assert remote < heard < said or remote.node > heard.node
    assert (remote.wall_ms, remote.counter) < (heard.wall_ms, heard.counter)
    assert heard < said
    assert said.wall_ms <= max(remote.wall_ms, now_ms) + 1
    assert said.counter < 2**31


@given(MOMENTS, WALLS)
def test_a_restored_clock_continues_after_its_latest_timestamp(latest: Hlc, now_ms: int) -> None:
    clock = HybridClock(latest.node, latest)

    assert clock.latest == latest
    assert clock.tick(now_ms) > latest


def test_the_counter_restarts_when_time_advances() -> None:
    clock = HybridClock("phone")

    assert clock.latest is None
    assert clock.tick(5) == Hlc(5, 0, "phone")
    assert clock.tick(5) == Hlc(5, 1, "phone")
    assert clock.tick(4) == Hlc(5, 2, "phone")
    assert clock.tick(6) == Hlc(6, 0, "phone")
    assert clock.merge(Hlc(6, 7, "tv"), 6) == Hlc(6, 8, "phone")
    assert clock.merge(Hlc(9, 3, "tv"), 6) == Hlc(9, 4, "phone")
    assert clock.merge(Hlc(2, 3, "tv"), 10) == Hlc(10, 0, "phone")
