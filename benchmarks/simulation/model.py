"""Discrete-event model of one session's chunks, on the product's own plan and shards.

Each function has a core of its own: sending a post and reading its reply costs `cpu_us` there, one
after the other. Latencies are lognormal, so that few posts are many times slower than most. API
Gateway admits requests by a token bucket that all functions share and answers 429 otherwise.
`FanoutPlan` decides what is sent, retried and dropped; `ShardedSender` splits the audience. Cold
starts, slow recipients and faults are not part of the model.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import msgspec

from benchmarks.sweep import FakeConnections
from shared.fanout.fanout_plan import FanoutPlan, PostReply
from shared.fanout.sharded_sender import InvocationResult, ShardedSender
from shared.models.audio_format import AudioFormat
from shared.models.delivery import Batch, Outcome
from shared.models.shard import ShardRequest

# The 99th percentile of a standard normal distribution.
_Z99 = 2.3263


@dataclass(frozen=True)
class Latency:
    """A lognormal distribution by its median and 99th percentile (ms)."""

    median_ms: float
    p99_ms: float

    def sample(self, source: random.Random) -> float:
        """A latency (s)."""
        spread = math.log(self.p99_ms / self.median_ms) / _Z99
        return self.median_ms / 1000 * math.exp(source.gauss(0.0, spread))


@dataclass(frozen=True)
class Assumptions:
    """What the model assumes of AWS and of our functions."""

    post: Latency = field(default=Latency(8, 60))
    invoke: Latency = field(default=Latency(12, 60))
    # Until the first post: session's read and roster.
    prepare: Latency = field(default=Latency(6, 25))
    cpu_us: float = 35.0
    # The sending function's own CPU for each recipient of a sharded chunk.
    split_us: float = 0.5
    in_flight: int = 100
    shard_size: int = 500


class RequestQuota:
    """API Gateway's token bucket of an account and Region; None is unlimited."""

    def __init__(self, rate: float | None, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0

    def admits(self, now: float) -> bool:
        """Take a token. Call with rising times (s)."""
        if self._rate is None:
            return True
        self._tokens = min(self._tokens + (now - self._at) * self._rate, self._burst)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass
class Chunks:
    """What became of a session's chunks. Times are in seconds."""

    until_last_post: list[float] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    requests: int = 0
    admitted: int = 0
    function_seconds: float = 0.0
    invocations: int = 0


class _ShardSizes:
    """Invoker that records the shards of an audience."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """Accept all."""
        shards = [msgspec.json.decode(each, type=ShardRequest) for each in payloads]
        self.sizes += [len(shard.connection_ids) for shard in shards]
        return [InvocationResult(Outcome.SENT, b'{"result": {}}')] * len(payloads)


class _Arrival:
    """The moment when a chunk arrives."""

    def now_ms(self) -> int:
        """Zero."""
        return 0

    def monotonic(self) -> float:
        """Zero."""
        return 0.0


def shards_of(listeners: int, shard_size: int, chunk_ms: int) -> list[int]:
    """Sizes of the shards of a chunk; empty if the function posts to the audience directly."""
    invoker = _ShardSizes()
    sender = ShardedSender(FakeConnections(), invoker, shard_size=shard_size, clock=_Arrival())
    batch = Batch([str(number) for number in range(listeners)], b"{}")
    deadline_at = AudioFormat(chunk_ms=chunk_ms).deadline_ms
    sender.post_batches([batch], deadline_at, live=True)
    return invoker.sizes


def simulate(
    listeners: int,
    chunk_ms: int,
    chunks: int,
    quota: RequestQuota,
    *,
    assumed: Assumptions | None = None,
    seed: int = 1,
) -> Chunks:
    """Simulate `chunks` chunks to `listeners`, one each `chunk_ms`."""
    return _Simulation(listeners, chunk_ms, quota, assumed or Assumptions(), seed).run(chunks)


class _Simulation:
    def __init__(
        self, listeners: int, chunk_ms: int, quota: RequestQuota, assumed: Assumptions, seed: int
    ) -> None:
        self._listeners = listeners
        self._chunk_ms = chunk_ms
        self._quota = quota
        self._assumed = assumed
        self._random = random.Random(seed)
        self._shards = shards_of(listeners, assumed.shard_size, chunk_ms)
        self._result = Chunks()

    def run(self, chunks: int) -> Chunks:
        """Advance all functions in the order of time."""
        last_posts = [0.0] * chunks
        waiting: list[tuple[float, int, int, Iterator[float]]] = []
        numbers = count()
        for chunk in range(chunks):
            received = chunk * self._chunk_ms / 1000
            for start, size in self._starts(received):
                function = self._function(start, size, received)
                heappush(waiting, (start, next(numbers), chunk, function))
        while waiting:
            _, number, chunk, function = heappop(waiting)
            for now in function:
                last_posts[chunk] = max(last_posts[chunk], now)
                heappush(waiting, (now, number, chunk, function))
                break
        interval = self._chunk_ms / 1000
        self._result.until_last_post = [
            last - chunk * interval for chunk, last in enumerate(last_posts)
        ]
        if self._shards:
            # The sending function waits for the last shard's result.
            self._result.function_seconds += sum(self._result.until_last_post)
        return self._result

    def _starts(self, received: float) -> Iterator[tuple[float, int]]:
        """Start and size of each function that posts a chunk."""
        assumed, result = self._assumed, self._result
        ready = received + assumed.prepare.sample(self._random)
        result.invocations += 1 + len(self._shards)
        if not self._shards:
            result.function_seconds += ready - received
            yield ready, self._listeners
            return
        split = assumed.split_us / 1e6 * self._listeners
        # The shards are encoded one after the other.
        for number, size in enumerate(self._shards):
            sent = ready + split * (number + 1) / len(self._shards)
            yield sent + assumed.invoke.sample(self._random), size

    def _function(self, start: float, size: int, received: float) -> Iterator[float]:
        """Post to `size` connections. Yields the time of each step."""
        assumed, result = self._assumed, self._result
        deadline = received + AudioFormat(chunk_ms=self._chunk_ms).deadline_ms / 1000
        plan = FanoutPlan(size, assumed.in_flight, deadline, live=True)
        replies: list[tuple[float, int, PostReply]] = []
        now = start
        while not plan.done:
            request = plan.take(now)
            if request is not None:
                now += assumed.cpu_us / 1e6
                yield now
                result.requests += 1
                admitted = self._quota.admits(now)
                result.admitted += admitted
                reply = PostReply.ACCEPTED if admitted else PostReply.THROTTLED
                heappush(replies, (now + assumed.post.sample(self._random), request, reply))
                continue
            wake = plan.wake_at()
            now = max(now, min(replies[0][0], wake) if replies else wake)
            yield now
            while replies and replies[0][0] <= now:
                _, answered, reply = heappop(replies)
                plan.finish(answered, reply, now)
            plan.expire(now)
        result.outcomes.update(plan.outcomes())
        result.function_seconds += now - start
