"""Chunk time, functions, quota and costs of audiences up to 100 000 listeners, by simulation.

    python -m benchmarks.simulation             # about 1 min

`model` says what is simulated. Each size runs with the quota to ask for, and with API Gateway's
default and that of thirteen Regions where they admit all posts. Nothing is sent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass

from benchmarks.figures import percentile
from benchmarks.simulation.model import (
    Assumptions,
    Chunks,
    Latency,
    RequestQuota,
    simulate,
)
from benchmarks.simulation.prices import Usage, dollars_per_listener_hour
from shared.models.audio_format import AudioFormat
from shared.models.delivery import Outcome
from shared.utils.standard_streams import standard_streams

LISTENERS = (1_000, 10_000, 100_000)
CHUNK_MS = (200, 600, 1_000)
#: Requests a second and burst, by default and in thirteen Regions:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEFAULT_QUOTA = (10_000, 5_000)
SMALL_QUOTA = (2_500, 1_250)
#: The quota to ask for, beyond the posts of one session. Its burst is half the rate, as by default.
HEADROOM = 1.2
_POSTS_A_RUN = 100_000
_MIN_CHUNKS, _MAX_CHUNKS = 3, 100
#: Speech in Opus (bytes a second), and the JSON around a chunk.
_OPUS_BYTES_A_SECOND = 3_000
_ENVELOPE_BYTES = 200
_COLUMNS = (
    "listeners",
    "chunkMs",
    "chunk p50, p99 (ms)",
    "functions at a time",
    "invocations/s",
    "posts/s",
    "quota to ask for",
    "delivered with it",
    "with 10 000/s",
    "with 2 500/s",
    "$ a listener-hour",
)


@dataclass(frozen=True)
class Row:
    """Figures of one size; shares are 0 to 1."""

    listeners: int
    chunk_ms: int
    encoding: str
    chunk_p50_ms: float
    chunk_p99_ms: float
    functions: float  # at a time
    invocations_per_s: float
    posts_per_s: float
    quota: int  # to ask for
    delivered: float
    # Upper bounds where the posts exceed the quota.
    delivered_default: float
    delivered_small: float
    dollars_per_listener_hour: float


def row_of(listeners: int, chunk_ms: int, assumed: Assumptions, seed: int) -> Row:
    """Simulate one size."""
    posts_per_s = listeners * 1_000 / chunk_ms
    quota = round(posts_per_s * HEADROOM)
    chunks = min(max(_POSTS_A_RUN // listeners, _MIN_CHUNKS), _MAX_CHUNKS)

    def run(rate: int, burst: int) -> Chunks:
        limits = RequestQuota(rate, burst)
        return simulate(listeners, chunk_ms, chunks, limits, assumed=assumed, seed=seed)

    def delivered_within(rate: int, burst: int) -> float:
        if posts_per_s > rate:
            # In the long run no schedule delivers more.
            return round(rate / posts_per_s, 5)
        return delivered(run(rate, burst))

    asked = run(quota, quota // 2)
    times = [time * 1_000 for time in asked.until_last_post]
    encoding = "pcm_s16le" if chunk_ms <= AudioFormat().longest_chunk_ms else "opus"
    usage = Usage(
        listeners,
        chunk_ms,
        body_bytes(chunk_ms, encoding),
        function_seconds=asked.function_seconds / chunks,
        invocations=asked.invocations / chunks,
    )
    return Row(
        listeners=listeners,
        chunk_ms=chunk_ms,
        encoding=encoding,
        chunk_p50_ms=round(statistics.median(times)),
        chunk_p99_ms=round(percentile(times, 0.99)),
        functions=round(usage.function_seconds * 1_000 / chunk_ms, 1),
        invocations_per_s=round(usage.invocations * 1_000 / chunk_ms, 1),
        posts_per_s=round(posts_per_s),
        quota=quota,
        delivered=delivered(asked),
        delivered_default=delivered_within(*DEFAULT_QUOTA),
        delivered_small=delivered_within(*SMALL_QUOTA),
        dollars_per_listener_hour=round(dollars_per_listener_hour(usage), 4),
    )


def delivered(chunks: Chunks) -> float:
    """Share of posts that were accepted in time."""
    return round(chunks.outcomes[Outcome.SENT] / chunks.outcomes.total(), 5)


def body_bytes(chunk_ms: int, encoding: str) -> int:
    """Size of a message: the chunk in base64, and the JSON around it."""
    audio_format = AudioFormat(chunk_ms=chunk_ms)
    audio = (
        _OPUS_BYTES_A_SECOND * chunk_ms // 1_000 if encoding == "opus" else audio_format.chunk_bytes
    )
    return -(-audio // 3) * 4 + _ENVELOPE_BYTES


def report(rows: list[Row]) -> None:
    """Print the table as in docs/scale.md, and the figures as JSON in the last line."""
    print("| " + " | ".join(_COLUMNS) + " |")
    print("|---" * len(_COLUMNS) + "|")
    for row in rows:
        shares = (row.delivered, row.delivered_default, row.delivered_small)
        rates = (row.quota, DEFAULT_QUOTA[0], SMALL_QUOTA[0])
        cells = (
            _grouped(row.listeners),
            _grouped(row.chunk_ms),
            f"{row.chunk_p50_ms:.0f}, {row.chunk_p99_ms:.0f}",
            f"{row.functions:g}",
            f"{row.invocations_per_s:g}",
            _grouped(row.posts_per_s),
            f"{_grouped(row.quota)}/s",
            *(
                f"{'≤ ' if row.posts_per_s > rate else ''}{share * 100:.4g} %"
                for share, rate in zip(shares, rates, strict=True)
            ),
            f"{row.dollars_per_listener_hour:.4f}",
        )
        print("| " + " | ".join(cells) + " |")
    print()
    print(json.dumps({"rows": [asdict(row) for row in rows]}))


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def main() -> None:
    """Simulate all sizes."""
    default = Assumptions()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, nargs="+", default=LISTENERS)
    parser.add_argument("--chunk-ms", type=int, nargs="+", default=CHUNK_MS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--post-ms",
        type=float,
        nargs=2,
        metavar=("MEDIAN", "P99"),
        default=(default.post.median_ms, default.post.p99_ms),
        help="latency of a post",
    )
    parser.add_argument(
        "--invoke-ms",
        type=float,
        nargs=2,
        metavar=("MEDIAN", "P99"),
        default=(default.invoke.median_ms, default.invoke.p99_ms),
        help="latency of an invocation",
    )
    parser.add_argument("--cpu-us", type=float, default=default.cpu_us, help="CPU of a post")
    parser.add_argument("--in-flight", type=int, default=default.in_flight, help="of a function")
    parser.add_argument("--shard-size", type=int, default=default.shard_size)
    given = parser.parse_args()
    assumed = Assumptions(
        post=Latency(*given.post_ms),
        invoke=Latency(*given.invoke_ms),
        cpu_us=given.cpu_us,
        in_flight=given.in_flight,
        shard_size=given.shard_size,
    )
    rows: list[Row] = []
    for listeners in given.listeners:
        for chunk_ms in given.chunk_ms:
            sys.stderr.write(f"{listeners} listeners, {chunk_ms} ms\n")
            rows.append(row_of(listeners, chunk_ms, assumed, given.seed))
    report(rows)


if __name__ == "__main__":
    with standard_streams():
        main()
