"""The injector: repeatable decisions, selections and counts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from local.faults.injector import FaultInjector
from local.faults.plan import (
    DatabaseDelay,
    DatabaseError,
    DatabaseThrottle,
    Fault,
    FaultPlan,
    MessageDuplicate,
    PostDelay,
    PostError,
    PostThrottle,
    SocketReset,
)
from tests.helpers.doubles import ManualClock


def injector(*faults: Fault, seed: int = 1, clock: ManualClock | None = None) -> FaultInjector:
    return FaultInjector(FaultPlan(seed, faults), clock or ManualClock())


def struck(faults: FaultInjector, posts: int, kind: type[Fault]) -> list[bool]:
    """Whether each of so many posts was struck by a kind."""
    drawn = (faults.draw("post", {"connection": "c"}) for _ in range(posts))
    return [any(isinstance(fault, kind) for fault in each) for each in drawn]


def connections(faults: FaultInjector, ids: Sequence[str]) -> list[bool]:
    return [bool(faults.draw("post", {"connection": each})) for each in ids]


@given(st.integers(), st.floats(0.05, 0.95))
def test_a_seed_decides_independently_of_other_kinds(seed: int, probability: float) -> None:
    fault = PostThrottle(probability=probability)
    alone = struck(injector(fault, seed=seed), 50, PostThrottle)
    delay = PostDelay(ms=1, probability=0.5)
    assert struck(injector(delay, fault, seed=seed), 50, PostThrottle) == alone


def test_different_seeds_and_faults_of_a_kind_decide_differently() -> None:
    fault = DatabaseThrottle(probability=0.5)

    def decisions(seed: int, *faults: Fault) -> list[bool]:
        one = injector(*faults, seed=seed)
        subject = {"operation": "GetItem", "table": "rows"}
        return [bool(one.draw("database", subject)) for _ in range(50)]

    assert decisions(1, fault) == decisions(1, fault)
    assert decisions(1, fault) != decisions(2, fault)
    pair = injector(fault, fault)
    for _ in range(50):
        pair.draw("database", {"operation": "GetItem", "table": "rows"})
    # The second occurs only where the first does not.
    assert 30 <= sum(each.occurrences for each in pair.counts) < 50


def test_the_share_of_struck_opportunities_is_the_probability() -> None:
    assert 250 <= sum(struck(injector(PostError(probability=0.3)), 1_000, PostError)) <= 350


def test_nth_and_limit() -> None:
    assert struck(injector(PostError(nth=3)), 5, PostError) == [False, False, True, False, False]
    assert struck(injector(PostError(limit=2)), 4, PostError) == [True, True, False, False]


def test_a_time_window_begins_when_the_plan_does() -> None:
    clock = ManualClock()
    faults = injector(PostError(after_s=1, until_s=2), clock=clock)
    found = []
    for _ in range(5):
        found += struck(faults, 1, PostError)
        clock.advance(500)
    assert found == [False, False, True, True, False]
    assert faults.counts[0].opportunities == 2

    faults.use(FaultPlan(0, (PostError(until_s=1),)))
    assert struck(faults, 1, PostError) == [True]


def test_a_share_of_the_connections_is_affected_throughout() -> None:
    ids = [f"c{number}" for number in range(200)]
    faults = injector(PostThrottle(connections=0.2))
    first = connections(faults, ids)
    assert 20 <= sum(first) <= 60
    assert connections(faults, ids) == first


def test_selections() -> None:
    faults = injector(
        PostThrottle(connection="slow"),
        DatabaseError(operation="UpdateItem", table="sessions"),
        MessageDuplicate(),
        MessageDuplicate(route="$connect"),
        SocketReset(on="message", route="sendAudio"),
    )
    assert connections(faults, ["slow", "other"]) == [True, False]
    for operation, table, expected in (
        ("UpdateItem", "app-dev-sessions", True),
        ("UpdateItem", "sessions", True),
        ("UpdateItem", "app-dev-connections", False),
        ("GetItem", "app-dev-sessions", False),
    ):
        drawn = faults.draw("database", {"operation": operation, "table": table})
        assert bool(drawn) is expected
    for route, kinds in (
        ("heartbeat", ["message-duplicate"]),
        ("$connect", ["message-duplicate"]),
        ("$disconnect", []),
    ):
        assert [each.kind for each in faults.draw("message", {"route": route})] == kinds
    assert [each.occurrences for each in faults.counts] == [1, 2, 1, 1, 0]


def test_delays_add_up_and_the_first_other_fault_wins() -> None:
    subject = {"operation": "GetItem", "table": "rows"}
    faults = injector(DatabaseError(), DatabaseDelay(ms=1), DatabaseThrottle(), DatabaseDelay(ms=2))
    drawn = faults.draw("database", subject)
    assert drawn == [DatabaseDelay(ms=1), DatabaseDelay(ms=2), DatabaseError()]
    assert faults.report() == [
        "fault database-error: 1 of 1 opportunities",
        "fault database-delay: 1 of 1 opportunities",
        "fault database-throttle: 0 of 1 opportunities",
        "fault database-delay: 1 of 1 opportunities",
    ]


def test_a_fault_without_effect_does_not_count() -> None:
    faults = injector(SocketReset())
    (fault,) = faults.draw("post", {"connection": "gone"})
    faults.missed(fault)
    assert faults.occurrences("socket-reset") == 0
