"""The connection gateway under throttling, faults, resets, stalls and bad certificates."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from shared.fanout.connection_gateway import ConnectionGateway
from shared.models.delivery import Outcome
from shared.utils.clock import SystemClock
from tests.helpers.connections_server import ConnectionsServer, Failure

CLOCK = SystemClock()

Connect = Callable[..., ConnectionGateway]


def in_ms(milliseconds: int) -> int:
    return CLOCK.now_ms() + milliseconds


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retries_throttling_and_faults(
    server: ConnectionsServer, connect: Connect, status: int
) -> None:
    server.script("a", status, status, 200)
    assert connect(server).post("a", b"audio", in_ms(5_000)) is Outcome.SENT
    assert server.bodies("a") == [b"audio"] * 3


@pytest.mark.parametrize(("status", "outcome"), [(429, Outcome.SLOW), (500, Outcome.FAILED)])
def test_gives_up_after_two_retries(
    server: ConnectionsServer, connect: Connect, status: int, outcome: Outcome
) -> None:
    server.script("a", status, status, status, 200)
    assert connect(server).post("a", b"control", in_ms(5_000)) is outcome
    assert len(server.bodies("a")) == 3


def test_live_audio_is_not_retried_for_a_slow_recipient(
    server: ConnectionsServer, connect: Connect
) -> None:
    server.statuses["slow"] = 429
    outcomes = connect(server).post_many(["slow", "a", "b"], b"audio", in_ms(5_000), live=True)
    assert outcomes == {"slow": Outcome.SLOW, "a": Outcome.SENT, "b": Outcome.SENT}
    assert len(server.bodies("slow")) == 1


def test_a_slow_recipient_is_skipped_by_live_audio_alone(
    server: ConnectionsServer, connect: Connect
) -> None:
    class StoppedClock(SystemClock):
        def monotonic(self) -> float:
            return 1.0

    server.statuses["slow"] = 429
    gateway = connect(server, clock=StoppedClock())
    for _ in range(3):
        assert gateway.post_many(["slow"], b"audio", in_ms(5_000), live=True) == {
            "slow": Outcome.SLOW
        }
    assert len(server.bodies("slow")) == 2
    server.statuses["slow"] = 200
    assert gateway.post("slow", b"control", in_ms(5_000)) is Outcome.SENT


def test_throttling_of_the_account_is_retried_for_live_audio(
    server: ConnectionsServer, connect: Connect
) -> None:
    ids = [f"L{number}" for number in range(10)]
    for connection_id in ids[:6]:
        server.script(connection_id, 429, 429)
    outcomes = connect(server).post_many(ids, b"audio", in_ms(5_000), live=True)
    assert set(outcomes.values()) == {Outcome.SENT}


@pytest.mark.parametrize("status", [301, 400, 403, 404, 413])
def test_does_not_retry_refused_requests(
    server: ConnectionsServer, connect: Connect, status: int
) -> None:
    server.statuses["a"] = status
    assert connect(server).post("a", b"audio", in_ms(5_000)) is Outcome.FAILED
    assert len(server.bodies("a")) == 1


def test_drops_a_retry_that_would_come_too_late(
    server: ConnectionsServer, connect: Connect
) -> None:
    server.statuses["a"] = 429
    assert connect(server).post("a", b"audio", in_ms(95)) is Outcome.DROPPED
    assert len(server.bodies("a")) <= 1


def test_a_waiting_retry_does_not_block_others(server: ConnectionsServer, connect: Connect) -> None:
    server.script("a", 429)
    gateway = connect(server, concurrency=1)
    outcomes = gateway.post_many(["a", "b", "c"], b"audio", in_ms(5_000))
    assert set(outcomes.values()) == {Outcome.SENT}
    assert [request.connection_id for request in server.received] == ["a", "b", "c", "a"]


def test_retries_on_a_new_connection_after_a_reset(
    server: ConnectionsServer, connect: Connect
) -> None:
    gateway = connect(server, concurrency=1)
    server.script("a", Failure.RESET, 429, 429, 200)
    assert gateway.post("a", b"audio", in_ms(5_000)) is Outcome.SENT
    assert len({request.connection_number for request in server.received[:2]}) == 2
    assert len(server.received) == 4


def test_survives_connections_that_died_unnoticed(
    server: ConnectionsServer, connect: Connect
) -> None:
    ids = [f"L{n}" for n in range(20)]
    gateway = connect(server, concurrency=10)
    for _ in range(3):
        assert set(gateway.post_many(ids, b"audio", in_ms(5_000)).values()) == {Outcome.SENT}
        server.break_connections()


def test_a_connection_that_is_always_reset_fails(
    server: ConnectionsServer, connect: Connect
) -> None:
    server.script("a", *[Failure.RESET] * 10)
    assert connect(server).post("a", b"audio", in_ms(5_000)) is Outcome.FAILED
    assert len(server.received) == 2


def test_does_not_retry_a_truncated_response(server: ConnectionsServer, connect: Connect) -> None:
    server.script("a", Failure.CUT, 200)
    assert connect(server).post("a", b"audio", in_ms(5_000)) is Outcome.FAILED
    assert len(server.received) == 1


def test_a_stalled_recipient_is_dropped_at_the_deadline_without_delaying_others(
    server: ConnectionsServer, connect: Connect
) -> None:
    server.script("stalled", Failure.STALL)
    gateway = connect(server, concurrency=2)
    others = [f"L{n}" for n in range(10)]
    outcomes = gateway.post_many(["stalled", *others], b"audio", in_ms(1_000))
    assert outcomes == {"stalled": Outcome.DROPPED, **dict.fromkeys(others, Outcome.SENT)}
    assert gateway.post("stalled", b"next", in_ms(5_000)) is Outcome.SENT


def test_a_request_that_takes_too_long_fails_before_the_deadline(
    server: ConnectionsServer, connect: Connect
) -> None:
    server.script("stalled", Failure.STALL)
    gateway = connect(server, request_timeout_ms=100)
    assert gateway.post("stalled", b"audio", in_ms(60_000)) is Outcome.FAILED


class CountingClock(SystemClock):
    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic()


def test_idle_connections_that_die_during_a_fanout_do_not_wake_it(
    server: ConnectionsServer, connect: Connect
) -> None:
    clock = CountingClock()
    gateway = connect(server, clock=clock, concurrency=10)
    gateway.post_many([f"L{n}" for n in range(20)], b"audio", in_ms(5_000))
    server.break_connections()
    server.script("stalled", Failure.STALL)
    looks = clock.looks
    gateway.post("stalled", b"audio", in_ms(500))
    assert clock.looks - looks < 100


def test_a_descriptor_of_a_closed_connection_serves_the_next_one(
    server: ConnectionsServer, connect: Connect
) -> None:
    gateway = connect(server, concurrency=1)
    for _ in range(3):
        assert gateway.post("a", b"audio", in_ms(5_000)) is Outcome.SENT
        # The deadline cuts the request off, which closes its connection.
        server.script("stalled", Failure.STALL)
        assert gateway.post("stalled", b"audio", in_ms(50)) is Outcome.DROPPED
        server.script("b", Failure.RESET)
        assert gateway.post("b", b"audio", in_ms(5_000)) is Outcome.SENT


def test_waits_without_spinning(server: ConnectionsServer, connect: Connect) -> None:
    clock = CountingClock()
    server.script("stalled", Failure.STALL)
    server.script("throttled", 429, 429)
    gateway = connect(server, clock=clock)
    gateway.post_many(["stalled", "throttled"], b"audio", in_ms(500))
    assert clock.looks < 200


def test_an_unreachable_server_fails_all_requests(connect: Connect) -> None:
    with ConnectionsServer() as server:
        gateway = connect(server)
    outcomes = gateway.post_many(["a", "b"], b"audio", in_ms(5_000))
    assert outcomes == {"a": Outcome.FAILED, "b": Outcome.FAILED}


@pytest.fixture
def tls_server() -> Iterator[tuple[ConnectionsServer, trustme.CA]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with ConnectionsServer(tls=context) as running:
        yield running, authority


def test_sends_over_tls_to_a_trusted_server(
    tls_server: tuple[ConnectionsServer, trustme.CA], connect: Connect, tmp_path: Path
) -> None:
    server, authority = tls_server
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    gateway = connect(server, ca_bundle=str(bundle))
    for _ in range(2):
        outcomes = gateway.post_many(["a", "b", "c"], b"x" * 100_000, in_ms(5_000))
        assert set(outcomes.values()) == {Outcome.SENT}
    assert len({request.connection_number for request in server.received}) <= 3


def test_sends_nothing_to_an_untrusted_server(
    tls_server: tuple[ConnectionsServer, trustme.CA], connect: Connect
) -> None:
    server, _ = tls_server
    assert connect(server).post("a", b"audio", in_ms(5_000)) is Outcome.FAILED
    assert server.received == []
