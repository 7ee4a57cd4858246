"""LambdaInvoker over real sockets, with scripted answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.credentials import ReadOnlyCredentials

from shared.fanout.function_invoker import LambdaInvoker
from shared.fanout.sharded_sender import InvocationResult
from shared.models.delivery import Outcome
from shared.utils.clock import SystemClock
from tests.helpers.botocore_signature import botocore_authorization
from tests.helpers.connections_server import ConnectionsServer, Failure

CLOCK = SystemClock()
CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")
# The server's name for the last part of the path.
TARGET = "invocations"


@pytest.fixture
def server() -> Iterator[ConnectionsServer]:
    with ConnectionsServer(reply=b'{"result": {}}') as running:
        yield running


@pytest.fixture
def invoker(server: ConnectionsServer) -> Iterator[LambdaInvoker]:
    made = LambdaInvoker(
        f"http://127.0.0.1:{server.port}",
        "eu-central-1",
        lambda: CREDENTIALS,
        "lingocast-dev-broadcast",
        clock=CLOCK,
        concurrency=4,
    )
    yield made
    made.close()


def soon() -> int:
    return CLOCK.now_ms() + 10_000


def test_each_payload_is_one_signed_invocation(
    server: ConnectionsServer, invoker: LambdaInvoker
) -> None:
    payloads = [b'{"n": %d}' % number for number in range(6)]

    answers = invoker.invoke_many(payloads, soon())

    assert answers == [InvocationResult(Outcome.SENT, b'{"result": {}}')] * 6
    assert sorted(request.body for request in server.received) == payloads
    for request in server.received:
        assert request.method == "POST"
        assert request.path == "/2015-03-31/functions/lingocast-dev-broadcast/invocations"
        # RequestResponse is also Invoke's default.
        assert request.headers.get("x-amz-invocation-type", "RequestResponse") == "RequestResponse"
        assert request.headers["authorization"] == botocore_authorization(
            CREDENTIALS,
            "eu-central-1",
            "lambda",
            method="POST",
            url=f"http://127.0.0.1:{server.port}{request.path}",
            body=request.body,
            timestamp=request.headers["x-amz-date"],
        )
    assert server.most_in_flight <= 4


def test_throttling_and_faults_are_retried(
    server: ConnectionsServer, invoker: LambdaInvoker
) -> None:
    server.script(TARGET, 429, 500)

    assert invoker.invoke_many([b"{}"], soon()) == [
        InvocationResult(Outcome.SENT, b'{"result": {}}')
    ]

    assert len(server.received) == 3


def test_a_refusal_is_final(server: ConnectionsServer, invoker: LambdaInvoker) -> None:
    server.script(TARGET, 403)

    assert invoker.invoke_many([b"{}"], soon()) == [InvocationResult(Outcome.FAILED)]

    assert len(server.received) == 1


def test_a_dead_connection_is_replaced_once(
    server: ConnectionsServer, invoker: LambdaInvoker
) -> None:
    server.script(TARGET, Failure.RESET)

    assert invoker.invoke_many([b"{}"], soon())[0].outcome is Outcome.SENT

    assert [request.connection_number for request in server.received] == [1, 2]


def test_an_invocation_without_an_answer_in_time_is_dropped(
    server: ConnectionsServer, invoker: LambdaInvoker
) -> None:
    server.script(TARGET, Failure.STALL)

    answers = invoker.invoke_many([b"{}", b"{}"], CLOCK.now_ms() + 1_500)

    outcomes = sorted(answer.outcome.value for answer in answers)
    assert outcomes == ["dropped", "sent"]
    assert invoker.invoke_many([b"{}"], soon())[0].outcome is Outcome.SENT


def test_an_asynchronous_invocation_does_not_wait(server: ConnectionsServer) -> None:
    invoker = LambdaInvoker(
        f"http://127.0.0.1:{server.port}",
        "eu-central-1",
        lambda: CREDENTIALS,
        "lingocast-dev-disconnect",
        clock=CLOCK,
        asynchronous=True,
    )

    # Lambda's answer when it accepts an event.
    server.script(TARGET, 202)
    answers = invoker.invoke_many([b"{}"], soon())

    assert [answer.outcome for answer in answers] == [Outcome.SENT]
    assert [request.headers["x-amz-invocation-type"] for request in server.received] == ["Event"]
    invoker.close()
