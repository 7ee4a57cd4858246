"""Sharded fan-out: splits a large audience among invocations of the `broadcast` function.

One function sends as fast as one core can, to 100 connections at a time; a large audience would
take longer than a chunk lasts. Above a limit, which grows with the chunk, recipients are therefore
split into shards, so that the time does not grow with the audience. The results come back to the
caller, for whom this is a `ConnectionSender` like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from shared.models.audio_format import MIN_DEADLINE_MS
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.models.shard import ShardRequest, ShardResult
from shared.utils.clock import Clock

# A live message with more time than the deadline of the shortest chunks needs fewer functions, up
# to this time (ms): beyond it, a fan-out of one function would raise the alarm `fanout-late`.
_LONGEST_TIME_MS = 1_000
# How long to wait for a shard's result after the deadline (ms). The shard itself stops at the
# deadline and only has to return.
_RESULT_MARGIN_MS = 250


class InvocationResult(NamedTuple):
    """Result of an invocation; `payload` is the function's answer if SENT."""

    outcome: Outcome
    payload: bytes = b""


class FunctionInvoker(Protocol):
    """Invokes one function; see `shared.fanout.function_invoker`."""

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """Invoke it once for each payload, in parallel, and wait for the answers.

        Invocations without an answer by `deadline_at` (ms since the epoch) are DROPPED.
        """


class _Answer(msgspec.Struct):
    """A successful answer, as `shared.entrypoints.invocation` encodes it."""

    result: ShardResult


class _Shard(NamedTuple):
    batch: int
    connection_ids: Sequence[str]


class ShardedSender:
    """Sends to up to `shard_size` recipients directly, and to more of them by shards.

    `shard_size` is what one function serves of a chunk of 200 ms. A live message with a later
    deadline has proportionally larger shards, because the next chunk comes later, too
    (docs/decisions/0038-price-of-a-delivery.md).

    If an invocation fails, all posts of its shard fail. Throttled and faulty invocations are
    retried as posts are, so a recipient can get a message twice; receivers detect duplicates by
    sequence number.
    """

    def __init__(
        self,
        direct: ConnectionSender,
        invoker: FunctionInvoker,
        *,
        shard_size: int,
        clock: Clock,
    ) -> None:
        self._direct = direct
        self._invoker = invoker
        self._shard_size = shard_size
        self._clock = clock
        self._decoder = msgspec.json.Decoder(_Answer)

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int, *, live: bool = False
    ) -> dict[str, Outcome]:
        """See `ConnectionSender.post_many`."""
        return self.post_batches([Batch(connection_ids, data)], deadline_at, live=live)[0]

    def post_batches(
        self, batches: Sequence[Batch], deadline_at: int, *, live: bool = False
    ) -> list[dict[str, Outcome]]:
        """See `ConnectionSender.post_batches`."""
        most = self._most_recipients(deadline_at) if live else self._shard_size
        if sum(len(batch.connection_ids) for batch in batches) <= most:
            return self._direct.post_batches(batches, deadline_at, live=live)
        recipients = [list(dict.fromkeys(batch.connection_ids)) for batch in batches]
        shards = [
            _Shard(index, share)
            for index, ids in enumerate(recipients)
            for share in _shares(ids, most)
        ]
        payloads = [
            msgspec.json.encode(
                ShardRequest(
                    connection_ids=list(shard.connection_ids),
                    message=batches[shard.batch].data.decode(),
                    deadline_at=deadline_at,
                    live=live,
                )
            )
            for shard in shards
        ]
        invocations = self._invoker.invoke_many(payloads, deadline_at + _RESULT_MARGIN_MS)
        found: list[dict[str, Outcome]] = [{} for _ in batches]
        for shard, invocation in zip(shards, invocations, strict=True):
            found[shard.batch] |= self._outcomes(shard, invocation)
        return [
            {connection_id: outcomes[connection_id] for connection_id in ids}
            for ids, outcomes in zip(recipients, found, strict=True)
        ]

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """See `ConnectionSender.post`."""
        return self._direct.post(connection_id, data, deadline_at)

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """See `ConnectionSender.delete`."""
        return self._direct.delete(connection_id, deadline_at)

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> Mapping[str, Outcome]:
        """See `ConnectionSender.delete_many`."""
        return self._direct.delete_many(connection_ids, deadline_at)

    def _most_recipients(self, deadline_at: int) -> int:
        """Recipients of a live message that one function serves."""
        remaining_ms = min(deadline_at - self._clock.now_ms(), _LONGEST_TIME_MS)
        return self._shard_size * max(remaining_ms, MIN_DEADLINE_MS) // MIN_DEADLINE_MS

    def _outcomes(self, shard: _Shard, invocation: InvocationResult) -> dict[str, Outcome]:
        if invocation.outcome in {Outcome.DROPPED, Outcome.THROTTLED}:
            return dict.fromkeys(shard.connection_ids, invocation.outcome)
        if invocation.outcome is not Outcome.SENT:
            return dict.fromkeys(shard.connection_ids, Outcome.FAILED)
        try:
            result = self._decoder.decode(invocation.payload).result
        except msgspec.DecodeError:
            # The function failed or timed out: Lambda returns its error as the payload.
            return dict.fromkeys(shard.connection_ids, Outcome.FAILED)
        return {
            **dict.fromkeys(shard.connection_ids, Outcome.SENT),
            **dict.fromkeys(result.gone, Outcome.GONE),
            **dict.fromkeys(result.failed, Outcome.FAILED),
            **dict.fromkeys(result.slow, Outcome.SLOW),
            **dict.fromkeys(result.throttled, Outcome.THROTTLED),
            **dict.fromkeys(result.dropped, Outcome.DROPPED),
        }


def _shares(ids: list[str], most: int) -> list[list[str]]:
    """Split `ids` into the fewest shares of at most `most`, of nearly equal size."""
    count = -(-len(ids) // most)
    return [ids[number::count] for number in range(count)]
