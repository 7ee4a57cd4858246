"""ShardedSender: splitting of large fan-outs, and failed shards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fanout.sharded_sender import InvocationResult, ShardedSender
from shared.models.delivery import Batch, Outcome
from tests.helpers.doubles import ManualClock
from tests.helpers.fake_connections import FakeConnections

DEADLINE = 1_700_000_000_000


class Invoker:
    """Answers invocations as scripted, by default with full success."""

    def __init__(self, *script: InvocationResult) -> None:
        self.script = list(script)
        self.payloads: list[dict[str, object]] = []
        self.deadlines: list[int] = []

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        self.payloads += [json.loads(payload) for payload in payloads]
        self.deadlines.append(deadline_at)
        return [
            self.script.pop(0) if self.script else InvocationResult(Outcome.SENT, b'{"result": {}}')
            for _ in payloads
        ]

    def shards(self) -> list[list[str]]:
        return [list(payload["connectionIds"]) for payload in self.payloads]  # type: ignore[call-overload]


def ids(count: int) -> list[str]:
    return [f"c{number}" for number in range(count)]


def sharded(invoker: Invoker, shard_size: int = 10) -> tuple[ShardedSender, FakeConnections]:
    direct = FakeConnections()
    clock = ManualClock(DEADLINE - 400)
    return ShardedSender(direct, invoker, shard_size=shard_size, clock=clock), direct


@pytest.mark.parametrize(
    ("live", "remaining_ms", "shards"),
    [
        (True, 400, 6),  # a chunk of 200 ms
        (True, 150, 6),  # the same, late
        (True, 800, 3),  # a chunk of 400 ms
        (True, 1_000, 3),  # a chunk of 500 ms
        (True, 2_000, 3),  # a chunk of 1 s
        (False, 5_000, 6),
    ],
)
def test_shards_grow_with_the_time_of_live_messages(
    live: bool, remaining_ms: int, shards: int
) -> None:
    invoker = Invoker()
    sender, _ = sharded(invoker)

    sender.post_many(ids(60), b"chunk", DEADLINE - 400 + remaining_ms, live=live)

    assert len(invoker.payloads) == shards


def test_small_audiences_are_sent_directly() -> None:
    invoker = Invoker()
    sender, direct = sharded(invoker)

    outcomes = sender.post_many(ids(10), b"chunk", DEADLINE)

    assert outcomes == dict.fromkeys(ids(10), Outcome.SENT)
    assert direct.recipients() == ids(10)
    assert invoker.payloads == []


def test_large_audiences_are_sent_entirely_by_shards() -> None:
    invoker = Invoker()
    sender, direct = sharded(invoker)

    outcomes = sender.post_many(ids(25), '{"text": "ñ"}'.encode(), DEADLINE)

    assert outcomes == dict.fromkeys(ids(25), Outcome.SENT)
    assert direct.posts == []
    assert sorted(map(len, invoker.shards())) == [8, 8, 9]
    assert {payload["message"] for payload in invoker.payloads} == {'{"text": "ñ"}'}
    assert {payload["deadlineAt"] for payload in invoker.payloads} == {DEADLINE}
    # Shards stop at the deadline; their results arrive slightly later.
    assert invoker.deadlines == [DEADLINE + 250]


def test_outcomes_of_a_shard_are_returned() -> None:
    answer = {"result": {"gone": ["c0"], "failed": ["c2"], "dropped": ["c4"]}}
    sender, _ = sharded(Invoker(InvocationResult(Outcome.SENT, json.dumps(answer).encode())), 3)

    outcomes = sender.post_many(ids(6), b"chunk", DEADLINE)

    assert outcomes == {
        "c0": Outcome.GONE,
        "c1": Outcome.SENT,
        "c2": Outcome.FAILED,
        "c3": Outcome.SENT,
        "c4": Outcome.DROPPED,
        "c5": Outcome.SENT,
    }


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (InvocationResult(Outcome.FAILED), Outcome.FAILED),
        (InvocationResult(Outcome.GONE), Outcome.FAILED),
        (InvocationResult(Outcome.DROPPED), Outcome.DROPPED),
        (InvocationResult(Outcome.SENT, b'{"errorMessage": "timed out"}'), Outcome.FAILED),
        (InvocationResult(Outcome.SENT, b'{"error": {"code": "INTERNAL"}}'), Outcome.FAILED),
        (InvocationResult(Outcome.SENT, b"not json"), Outcome.FAILED),
        (InvocationResult(Outcome.SENT, b""), Outcome.FAILED),
    ],
)
def test_a_shard_that_fails_fails_alone(ended: InvocationResult, outcome: Outcome) -> None:
    sender, _ = sharded(Invoker(ended), 2)

    outcomes = sender.post_many(ids(4), b"chunk", DEADLINE)

    assert outcomes == {
        "c0": outcome,
        "c1": Outcome.SENT,
        "c2": outcome,
        "c3": Outcome.SENT,
    }


def test_batches_count_together_and_keep_their_messages() -> None:
    invoker = Invoker()
    sender, direct = sharded(invoker, 3)

    results = sender.post_batches(
        [Batch(["a", "b"], b"one"), Batch([], b"none"), Batch(["c", "d"], b"two")], DEADLINE
    )

    assert results == [
        {"a": Outcome.SENT, "b": Outcome.SENT},
        {},
        {"c": Outcome.SENT, "d": Outcome.SENT},
    ]
    assert [(p["message"], p["connectionIds"]) for p in invoker.payloads] == [
        ("one", ["a", "b"]),
        ("two", ["c", "d"]),
    ]
    assert direct.posts == []


def test_single_posts_and_deletes_are_not_sharded() -> None:
    invoker = Invoker()
    sender, direct = sharded(invoker, 1)

    assert sender.post("a", b"error", DEADLINE) is Outcome.SENT
    assert sender.delete("a", DEADLINE) is Outcome.SENT

    assert direct.recipients() == ["a"]
    assert direct.deleted == ["a"]
    assert invoker.payloads == []


@given(count=st.integers(1, 300), shard_size=st.integers(1, 100))
def test_every_recipient_is_in_one_shard_of_nearly_equal_ones(count: int, shard_size: int) -> None:
    invoker = Invoker()
    sender, direct = sharded(invoker, shard_size)

    sender.post_many(ids(count), b"chunk", DEADLINE)

    shards = invoker.shards() or [direct.recipients()]
    assert sorted(chain.from_iterable(shards)) == sorted(ids(count))
    sizes = [len(shard) for shard in shards]
    assert max(sizes) <= shard_size
    assert max(sizes) - min(sizes) <= 1
    assert len(shards) == -(-count // shard_size)
