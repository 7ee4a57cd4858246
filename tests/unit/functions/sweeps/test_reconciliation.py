"""Reconciliation corrects permanent drift and ignores changing counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.database.tables import SESSIONS, dynamodb
from tests.helpers.world import World, new_world


@pytest.fixture
def world() -> Iterator[World]:
    with new_world() as made:
        yield made


@pytest.fixture
def session_id(world: World) -> str:
    _, made = world.create_session()
    return made


def listener_counts(world: World, session_id: str) -> tuple[int, dict[str, int]]:
    session = world.session(session_id)
    return session.listener_count, {k: v for k, v in session.language_counts.items() if v}


def check_twice(world: World, apart_ms: int = 60_000) -> None:
    world.reconcile()
    world.clock.advance(apart_ms)
    world.reconcile()


def test_drift_found_by_two_checks_a_minute_apart_is_corrected(
    world: World, session_id: str
) -> None:
    world.listener(session_id, "es")
    world.sessions.count_in(session_id, "fr")

    world.reconcile()
    assert listener_counts(world, session_id) == (2, {"es": 1, "fr": 1})
    world.clock.advance(60_000)
    world.reconcile()

    assert listener_counts(world, session_id) == (1, {"es": 1})
    assert world.telemetry.counts["CountersCorrected"] == 1


def test_counters_that_are_too_low_are_raised(world: World, session_id: str) -> None:
    for _ in range(3):
        world.listener(session_id, "es")
    world.sessions.count_out(session_id, "es")
    world.sessions.count_moved(session_id, "es", "de")

    check_twice(world)

    assert listener_counts(world, session_id) == (3, {"es": 3})


def test_the_total_alone_may_drift(world: World, session_id: str) -> None:
    world.listener(session_id, "es")
    dynamodb().update_item(
        TableName=SESSIONS,
        Key={"sessionId": {"S": session_id}},
        UpdateExpression="SET listenerCount = :five",
        ExpressionAttributeValues={":five": {"N": "5"}},
    )

    check_twice(world)

    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_checks_less_than_a_minute_apart_change_nothing(world: World, session_id: str) -> None:
    world.sessions.count_in(session_id, "es")

    check_twice(world, apart_ms=59_999)

    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_changing_drift_is_not_corrected(world: World, session_id: str) -> None:
    world.sessions.count_in(session_id, "es")
    world.reconcile()
    world.clock.advance(60_000)
    world.sessions.count_in(session_id, "fr")
    world.reconcile()
    assert listener_counts(world, session_id) == (2, {"es": 1, "fr": 1})

    world.clock.advance(60_000)
    world.reconcile()

    assert listener_counts(world, session_id) == (0, {})


def test_drift_that_disappears_is_forgotten(world: World, session_id: str) -> None:
    world.sessions.count_in(session_id, "es")
    world.reconcile()
    world.sessions.count_out(session_id, "es")
    world.clock.advance(60_000)
    world.reconcile()
    world.sessions.count_in(session_id, "es")
    world.clock.advance(60_000)
    world.reconcile()

    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_drift_is_corrected_once(world: World, session_id: str) -> None:
    world.sessions.count_in(session_id, "es")
    check_twice(world)
    world.clock.advance(60_000)

    check_twice(world)

    assert listener_counts(world, session_id) == (0, {})


def test_replaced_connections_are_not_counted(world: World, session_id: str) -> None:
    older = world.connect()
    reply = world.ask(older, "joinSession", sessionId=session_id, targetLanguage="es")
    newer = world.connect()
    resumed = world.ask(
        newer,
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        resumeToken=reply["resumeToken"],
    )
    assert resumed["resumed"] is True

    check_twice(world)

    assert listener_counts(world, session_id) == (1, {"es": 1})


def test_an_ended_session_is_left_as_it_is(world: World, session_id: str) -> None:
    world.sessions.count_in(session_id, "es")
    world.ask("c1", "endSession")

    check_twice(world)

    assert listener_counts(world, session_id) == (1, {"es": 1})
