"""Reconnection policy, without any connection."""

from __future__ import annotations

import pytest

from cli.hints import hint_for
from client.connection.backoff import HeldSeat, Reconnection
from client.errors import (
    ClientError,
    ConnectionLostError,
    DisplacedError,
    HandshakeRefusedError,
    ReconnectTimeoutError,
    RequestRefusedError,
    RequestTimeoutError,
    SoundError,
    TokenError,
    UnreachableError,
)
from shared.models.terms import Role

LOST = ConnectionLostError("the connection broke off")


def _seat(role: Role) -> HeldSeat:
    return HeldSeat("golden-eagle-427", "es", role)


SPEAKER = _seat("speaker")


def _refused(code: str, *, retryable: bool = False) -> RequestRefusedError:
    return RequestRefusedError(code, 400, "m", retryable=retryable)


def _started(random_fraction: float = 1.0) -> Reconnection:
    reconnection = Reconnection(grace_seconds=60, random_fraction=lambda: random_fraction)
    reconnection.connection_lost(100.0)
    return reconnection


def test_each_wait_is_longer_than_the_last_up_to_a_limit() -> None:
    reconnection = _started()
    waits = [reconnection.delay_after(LOST, SPEAKER, 100) for _ in range(7)]
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


def test_clients_dropped_together_reconnect_apart() -> None:
    assert [
        _started(random_fraction).delay_after(LOST, SPEAKER, 100) for random_fraction in (0, 0.5)
    ] == [0, 0.25]


def test_waits_as_the_service_asks_and_apart_from_others() -> None:
    asked = RequestRefusedError("UNAVAILABLE", 503, "m", retryable=True, retry_after_ms=4_000)
    assert [
        _started(random_fraction).delay_after(asked, SPEAKER, 100)
        for random_fraction in (0, 0.5, 1)
    ] == [2, 4, 6]
    assert _started(1.0).delay_after(asked, SPEAKER, 155) == 5, "not beyond the deadline"


def test_the_last_attempt_is_made_when_the_time_is_over_and_none_after_it() -> None:
    reconnection = _started()
    for _ in range(5):
        reconnection.delay_after(LOST, SPEAKER, 100)
    assert reconnection.delay_after(LOST, SPEAKER, 157) == 3
    last = UnreachableError("nothing listens there")
    with pytest.raises(
        ReconnectTimeoutError, match=r"within 60 s \(nothing listens there\)"
    ) as gave_up:
        reconnection.delay_after(last, SPEAKER, 160)
    assert gave_up.value.last is last
    assert "check the network" in (hint_for(gave_up.value) or "")


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        ConnectionLostError("Going away", 1001),
        UnreachableError("u"),
        RequestTimeoutError("t"),
        TokenError("t"),
        HandshakeRefusedError(429),
        HandshakeRefusedError(502),
        _refused("UNAVAILABLE", retryable=True),
        _refused("GATEWAY_FAULT", retryable=True),
    ],
)
def test_transient_errors_are_retried(fault: ClientError) -> None:
    assert _started().delay_after(fault, SPEAKER, 100) == 0.5


@pytest.mark.parametrize(
    "fault",
    [
        HandshakeRefusedError(403),
        _refused("SESSION_ENDED"),
        _refused("SESSION_NOT_FOUND"),
        _refused("FORBIDDEN"),
        _refused("AUTHENTICATION_REQUIRED"),
        _refused("LANGUAGE_TAKEN"),
        SoundError("s"),
    ],
)
def test_permanent_errors_are_raised_at_once(fault: ClientError) -> None:
    with pytest.raises(type(fault)) as ended:
        _started().delay_after(fault, SPEAKER, 100)
    assert ended.value is fault


def test_an_interpreters_own_seat_may_still_be_taken_by_its_former_connection() -> None:
    taken = _refused("LANGUAGE_TAKEN")
    assert _started().delay_after(taken, _seat("interpreter"), 100) == 0.5
    with pytest.raises(RequestRefusedError):
        _started().delay_after(taken, _seat("listener"), 100)


def test_a_speaker_whom_the_owner_displaced_does_not_take_the_floor_back() -> None:
    removed = ConnectionLostError("Connection Closed Normally", 1000)
    with pytest.raises(DisplacedError) as displaced:
        _started().delay_after(removed, SPEAKER, 100)
    assert "continue there" in (hint_for(displaced.value) or "")
    assert _started().delay_after(removed, _seat("listener"), 100) == 0.5


def test_a_loss_soon_after_a_return_counts_as_the_same() -> None:
    """Two clients that displace each other must not do so forever."""
    reconnection = _started()
    for now in range(100, 160, 6):
        reconnection.delay_after(LOST, SPEAKER, now)
        reconnection.reconnected(now)
        reconnection.connection_lost(now + 6)
    with pytest.raises(ReconnectTimeoutError):
        reconnection.delay_after(LOST, SPEAKER, 160)


def test_a_loss_long_after_a_return_is_a_new_one() -> None:
    reconnection = _started()
    reconnection.delay_after(LOST, SPEAKER, 100)
    reconnection.reconnected(101)
    reconnection.connection_lost(1_000)
    assert reconnection.remaining(1_000) == 60
    assert reconnection.delay_after(LOST, SPEAKER, 1_000) == 0.5


def test_without_grace_nothing_is_tried() -> None:
    reconnection = Reconnection(grace_seconds=0, random_fraction=lambda: 1.0)
    reconnection.connection_lost(0)
    with pytest.raises(ConnectionLostError) as ended:
        reconnection.delay_after(LOST, SPEAKER, 0)
    assert ended.value is LOST
