"""Contract of `ConnectionSender`, for the real senders and the fake used in other tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
import pytest
from botocore.credentials import ReadOnlyCredentials

from shared.fanout.connection_gateway import ConnectionGateway
from shared.fanout.sharded_sender import InvocationResult, ShardedSender
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.models.shard import ShardRequest
from shared.services.audio.shard_service import ShardService
from shared.utils.clock import SystemClock
from tests.helpers.connections_server import ConnectionsServer
from tests.helpers.fake_connections import FakeConnections

CLOCK = SystemClock()
CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")


class Subject(Protocol):
    """A sender and the connections it sends to."""

    sender: ConnectionSender

    def lose(self, connection_id: str) -> None:
        """Close the connection."""

    def refuse(self, connection_id: str) -> None:
        """Refuse every request for the connection."""

    def asked(self, connection_id: str) -> list[bytes]:
        """Return the posts that reached the connection, successful or not."""


class Fake:
    def __init__(self) -> None:
        self.fake = FakeConnections(CLOCK)
        self.sender: ConnectionSender = self.fake

    def lose(self, connection_id: str) -> None:
        self.fake.gone.add(connection_id)

    def refuse(self, connection_id: str) -> None:
        self.fake.failing.add(connection_id)

    def asked(self, connection_id: str) -> list[bytes]:
        return self.fake.received(connection_id)


class Sharded(Fake):
    """A sharded sender with shards of at most two, sent by ShardService."""

    def __init__(self) -> None:
        super().__init__()
        self._service = ShardService(self.fake)
        self.sender = ShardedSender(self.fake, self, shard_size=2, clock=SystemClock())

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        return [InvocationResult(Outcome.SENT, self._send(payload)) for payload in payloads]

    def _send(self, payload: bytes) -> bytes:
        result = self._service.send(msgspec.json.decode(payload, type=ShardRequest))
        return msgspec.json.encode({"result": result})


class Real:
    def __init__(self, server: ConnectionsServer, gateway: ConnectionGateway) -> None:
        self.server = server
        self.sender: ConnectionSender = gateway

    def lose(self, connection_id: str) -> None:
        self.server.gone.add(connection_id)

    def refuse(self, connection_id: str) -> None:
        self.server.statuses[connection_id] = 403

    def asked(self, connection_id: str) -> list[bytes]:
        return self.server.bodies(connection_id)


@pytest.fixture(params=["fake", "sharded", "real"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        yield Fake()
        return
    if request.param == "sharded":
        yield Sharded()
        return
    with ConnectionsServer() as server:
        gateway = ConnectionGateway(
            server.endpoint, "us-east-1", lambda: CREDENTIALS, clock=CLOCK, concurrency=4
        )
        yield Real(server, gateway)
        gateway.close()


def soon() -> int:
    return CLOCK.now_ms() + 10_000


def past() -> int:
    return CLOCK.now_ms() - 1


def test_sends_to_everyone(subject: Subject) -> None:
    ids = [f"L{number}/+=" for number in range(20)]
    outcomes = subject.sender.post_many(ids, b"audio", soon())
    assert outcomes == dict.fromkeys(ids, Outcome.SENT)
    assert all(subject.asked(connection_id) == [b"audio"] for connection_id in ids)


def test_outcomes_come_in_the_order_of_the_recipients(subject: Subject) -> None:
    ids = [f"L{number}" for number in range(20)]
    assert list(subject.sender.post_many(ids, b"audio", soon())) == ids


def test_sends_to_no_recipients(subject: Subject) -> None:
    assert subject.sender.post_many([], b"audio", soon()) == {}


def test_one_recipient_never_affects_another(subject: Subject) -> None:
    subject.lose("gone")
    subject.refuse("refused")
    assert subject.sender.post_many(["gone", "a", "refused", "b"], b"audio", soon()) == {
        "gone": Outcome.GONE,
        "a": Outcome.SENT,
        "refused": Outcome.FAILED,
        "b": Outcome.SENT,
    }


def test_sends_to_a_duplicate_id_once(subject: Subject) -> None:
    assert subject.sender.post_many(["a", "b", "a"], b"audio", soon()) == {
        "a": Outcome.SENT,
        "b": Outcome.SENT,
    }
    assert subject.asked("a") == [b"audio"]


def test_drops_everything_after_the_deadline(subject: Subject) -> None:
    outcomes = subject.sender.post_many(["a", "b"], b"audio", past())
    assert outcomes == {"a": Outcome.DROPPED, "b": Outcome.DROPPED}
    assert subject.asked("a") == []


def test_sends_batches_each_with_its_own_body(subject: Subject) -> None:
    subject.lose("b")
    results = subject.sender.post_batches(
        [Batch(["a", "b", "a"], b"one"), Batch([], b"two"), Batch(["a", "c"], b"three")], soon()
    )
    assert results == [
        {"a": Outcome.SENT, "b": Outcome.GONE},
        {},
        {"a": Outcome.SENT, "c": Outcome.SENT},
    ]
    assert sorted(subject.asked("a")) == [b"one", b"three"]
    assert subject.asked("c") == [b"three"]


def test_sends_no_batches(subject: Subject) -> None:
    assert subject.sender.post_batches([], soon()) == []


def test_posts_to_one(subject: Subject) -> None:
    subject.lose("gone")
    subject.refuse("refused")
    assert subject.sender.post("a", b"hello", soon()) is Outcome.SENT
    assert subject.asked("a") == [b"hello"]
    assert subject.sender.post("gone", b"hello", soon()) is Outcome.GONE
    assert subject.sender.post("refused", b"hello", soon()) is Outcome.FAILED
    assert subject.sender.post("late", b"hello", past()) is Outcome.DROPPED
    assert subject.asked("late") == []


def test_deletes_a_connection_once(subject: Subject) -> None:
    assert subject.sender.delete("a", soon()) is Outcome.SENT
    assert subject.sender.delete("a", soon()) is Outcome.GONE
    assert subject.sender.post("a", b"hello", soon()) is Outcome.GONE


def test_deletes_nothing_when_refused_or_late(subject: Subject) -> None:
    subject.refuse("refused")
    assert subject.sender.delete("refused", soon()) is Outcome.FAILED
    assert subject.sender.delete("a", past()) is Outcome.DROPPED
    assert subject.sender.post("a", b"still there", soon()) is Outcome.SENT


def test_deletes_many_each_with_its_own_outcome(subject: Subject) -> None:
    assert subject.sender.delete("a", soon()) is Outcome.SENT

    outcomes = subject.sender.delete_many(["a", "b", "c", "b"], soon())

    assert outcomes == {"a": Outcome.GONE, "b": Outcome.SENT, "c": Outcome.SENT}


def test_deletes_no_connections(subject: Subject) -> None:
    assert subject.sender.delete_many([], soon()) == {}
