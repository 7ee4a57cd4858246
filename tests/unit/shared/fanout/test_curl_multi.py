"""CurlMulti: state after exceptions, response bodies and statuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.fanout.curl_multi import CurlMulti, OutgoingRequest, reply_to
from shared.fanout.fanout_plan import FanoutPlan, PostReply
from shared.models.delivery import Outcome
from shared.utils.ca_bundle import default_ca_bundle
from shared.utils.clock import SystemClock
from tests.helpers.connections_server import ConnectionsServer, Failure

CLOCK = SystemClock()


@pytest.fixture
def multi() -> Iterator[CurlMulti]:
    made = CurlMulti(
        clock=CLOCK,
        ca_bundle=default_ca_bundle(),
        max_connections=4,
        connect_timeout_ms=1_000,
        request_timeout_ms=5_000,
    )
    yield made
    made.close()


def plan_for(count: int) -> FanoutPlan:
    return FanoutPlan(count, 4, CLOCK.monotonic() + 10)


def test_is_usable_after_an_exception_during_a_fanout(multi: CurlMulti) -> None:
    with ConnectionsServer() as server:
        server.script("0", Failure.STALL)

        def to(number: int) -> OutgoingRequest:
            return OutgoingRequest("POST", f"{server.endpoint}/{number}", [], b"audio")

        def failing(number: int) -> OutgoingRequest:
            if number == 6:
                raise RuntimeError("in mid-fan-out")
            return to(number)

        for _ in range(3):
            with pytest.raises(RuntimeError):
                multi.run(plan_for(10), failing)
            plan = plan_for(10)
            assert not multi.run(plan, to)
            assert plan.outcomes() == [Outcome.SENT] * 10


def test_is_usable_after_an_exception_about_a_response(multi: CurlMulti) -> None:
    def reject(number: int, body: bytes) -> None:
        raise RuntimeError(f"{number} answered {len(body)} bytes")

    with ConnectionsServer() as server:

        def to(number: int) -> OutgoingRequest:
            return OutgoingRequest("POST", f"{server.endpoint}/{number}", [], b"audio")

        with pytest.raises(RuntimeError):
            multi.run(plan_for(8), to, reject)
        plan = plan_for(8)
        multi.run(plan, to)
        assert plan.outcomes() == [Outcome.SENT] * 8


def test_passes_on_response_bodies_by_number(multi: CurlMulti) -> None:
    bodies: dict[int, bytes] = {}
    with ConnectionsServer() as server:
        server.gone.add("1")
        multi.run(
            plan_for(3),
            lambda number: OutgoingRequest("GET", f"{server.endpoint}/{number}", []),
            bodies.__setitem__,
        )
    assert bodies.keys() == {0, 2}
    assert b"connectedAt" in bodies[0]


def test_counts_errors(multi: CurlMulti) -> None:
    with ConnectionsServer() as server:
        server.statuses["0"] = 403
        server.script("1", 503)
        errors = multi.run(
            plan_for(3),
            lambda number: OutgoingRequest("POST", f"{server.endpoint}/{number}", [], b"a"),
        )
    assert errors == {"HTTP 403": 1, "HTTP 503": 1}


@pytest.mark.parametrize(
    ("statuses", "reply"),
    [
        ((200, 202, 204), PostReply.ACCEPTED),
        ((410,), PostReply.GONE),
        ((429,), PostReply.THROTTLED),
        ((500, 502, 503, 504), PostReply.TRY_LATER),
        ((301, 400, 403, 404, 408, 413), PostReply.REFUSED),
    ],
)
def test_maps_statuses_to_replies(statuses: tuple[int, ...], reply: PostReply) -> None:
    assert {reply_to(status) for status in statuses} == {reply}


def test_a_bundle_of_authorities_exists_on_every_machine() -> None:
    assert "BEGIN CERTIFICATE" in Path(default_ca_bundle()).read_text(encoding="utf-8")
