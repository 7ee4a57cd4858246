"""Requests of the connection gateway: addresses, signatures, concurrency, connections."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from botocore.credentials import ReadOnlyCredentials

from shared.fanout.connection_gateway import ConnectionGateway, ConnectionInfo
from shared.models.delivery import Batch, Outcome
from shared.utils.clock import SystemClock
from tests.helpers.botocore_signature import botocore_authorization
from tests.helpers.connections_server import ConnectionsServer, Received

CLOCK = SystemClock()
REGION = "eu-central-1"
CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-token")

Connect = Callable[..., ConnectionGateway]


def in_ms(milliseconds: int) -> int:
    return CLOCK.now_ms() + milliseconds


def signed_by_botocore(server: ConnectionsServer, request: Received) -> str:
    return botocore_authorization(
        CREDENTIALS,
        REGION,
        "execute-api",
        method=request.method,
        url=server.endpoint.removesuffix("/prod") + request.path,
        body=request.body,
        timestamp=request.headers["x-amz-date"],
    )


def test_signs_and_addresses_like_botocore(server: ConnectionsServer, connect: Connect) -> None:
    gateway = connect(server)
    gateway.post_batches(
        [Batch(["L0SM9cOFvHcCIhw="], b"audio"), Batch(["a/b+c@d ~ü"], b"other")], in_ms(5_000)
    )
    gateway.get("L0SM9cOFvHcCIhw=", in_ms(5_000))
    gateway.delete("L0SM9cOFvHcCIhw=", in_ms(5_000))
    assert sorted((request.method, request.path) for request in server.received) == [
        ("DELETE", "/prod/%40connections/L0SM9cOFvHcCIhw%3D"),
        ("GET", "/prod/%40connections/L0SM9cOFvHcCIhw%3D"),
        ("POST", "/prod/%40connections/L0SM9cOFvHcCIhw%3D"),
        ("POST", "/prod/%40connections/a%2Fb%2Bc%40d%20~%C3%BC"),
    ]
    for request in server.received:
        assert request.headers["authorization"] == signed_by_botocore(server, request)
        assert request.headers["x-amz-security-token"] == "session-token"


def test_uses_the_current_credentials(server: ConnectionsServer, connect: Connect) -> None:
    turns = iter(
        [CREDENTIALS, ReadOnlyCredentials("AKIDNEXT", "next", None), CREDENTIALS],
    )
    gateway = connect(server, credentials=lambda: next(turns))
    for _ in range(3):
        gateway.post("a", b"audio", in_ms(5_000))
    first, second, third = (request.headers["authorization"] for request in server.received)
    assert "Credential=AKIDEXAMPLE/" in first
    assert "Credential=AKIDNEXT/" in second
    assert "Credential=AKIDEXAMPLE/" in third


def test_signs_again_when_a_signature_has_aged(server: ConnectionsServer, connect: Connect) -> None:
    class FastClock(SystemClock):
        """A clock that advances by a minute each time it is read."""

        passed = 0

        def now_ms(self) -> int:
            self.passed += 61_000
            return self.passed

    gateway = connect(server, clock=FastClock(), concurrency=1)
    gateway.post_many(["a", "b"], b"audio", 10**9)
    dates = [request.headers["x-amz-date"] for request in server.received]
    assert dates == sorted(set(dates))


def test_reaches_but_never_exceeds_the_concurrency_limit(connect: Connect) -> None:
    with ConnectionsServer(answer_in_groups_of=5) as server:
        gateway = connect(server, concurrency=5)
        for _ in range(3):
            outcomes = gateway.post_batches(
                [Batch([f"{name}{n}" for n in range(20)], b"audio") for name in "abc"],
                in_ms(10_000),
            )
            assert all(set(result.values()) == {Outcome.SENT} for result in outcomes)
        assert server.most_in_flight == 5


def test_reuses_connections_between_calls(server: ConnectionsServer, connect: Connect) -> None:
    gateway = connect(server, concurrency=3)
    for _ in range(5):
        gateway.post_many([f"L{n}" for n in range(9)], b"audio", in_ms(5_000))
    gateway.delete("L0", in_ms(5_000))
    gateway.post("L1", b"audio", in_ms(5_000))
    assert len({request.connection_number for request in server.received}) <= 3


def test_one_handle_serves_every_method(server: ConnectionsServer, connect: Connect) -> None:
    gateway = connect(server, concurrency=1)
    body = b"audio"
    gateway.post("a", body, in_ms(5_000))
    assert gateway.get("a", in_ms(5_000)) == ConnectionInfo(
        Outcome.SENT, {"connectedAt": "2026-01-01T00:00:00Z"}
    )
    gateway.post("a", body, in_ms(5_000))
    gateway.delete("a", in_ms(5_000))
    gateway.post("a", body, in_ms(5_000))
    assert [(request.method, request.body) for request in server.received] == [
        ("POST", body),
        ("GET", b""),
        ("POST", body),
        ("DELETE", b""),
        ("POST", body),
    ]


def test_get_reports_a_gone_connection(server: ConnectionsServer, connect: Connect) -> None:
    server.gone.add("a")
    assert connect(server).get("a", in_ms(5_000)) == ConnectionInfo(Outcome.GONE)


def test_logs_why_posts_failed_without_payload_or_credentials(
    server: ConnectionsServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server.statuses["a"] = 403
    with caplog.at_level(logging.DEBUG):
        connect(server).post_many(["a", "b"], b"private audio", in_ms(5_000))
    (record,) = caplog.records
    assert record.message == "1 of 2 requests to connections failed"
    assert record.__dict__["errors"] == {"HTTP 403": 1}
    for secret in ("private", "wJalrXUtnFEMI", "session-token", "AKIDEXAMPLE"):
        assert secret not in str(record.__dict__)
