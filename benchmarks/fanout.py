"""CPU time of a post to a connection: the connection gateway compared with boto3 in threads.

Both send the same audio message over kept-alive TLS, 100 in flight, to a server in another process
that responds at once. They take turns, so that other load on the machine affects both. The figure
is the CPU time of this process, which is what a function is billed for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from benchmarks.instant_server import instant_server
from local.base.aws_settings import clear_aws_settings
from shared.fanout.connection_gateway import ConnectionGateway
from shared.models.delivery import Outcome
from shared.utils.clock import SystemClock
from shared.utils.standard_streams import standard_streams

REGION = "us-east-1"
IN_FLIGHT = 100
#: 200 ms of 16 kHz PCM in base64, with the JSON around it.
BODY_BYTES = 8_600
#: Listeners of a session: they share a body and a call.
RECIPIENTS = 500
ROUNDS = 5
#: boto3 sends this many times fewer posts, to limit the duration.
BOTO3_SHARE = 10

#: Like a function's credentials, with a session token of typical length.
CREDENTIALS = ReadOnlyCredentials("ASIAEXAMPLE", "secret", "t" * 800)

Send = Callable[[list[str], bytes], None]


@dataclass(frozen=True)
class Cost:
    """Cost of the posts of one round."""

    cpu_us: float  # per post
    posts_per_s: float


def cpu_seconds() -> float:
    """User and system time of this process, all threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(send: Send, posts: int) -> Cost:
    """Send `posts` messages in calls of up to RECIPIENTS posts."""
    ids = [f"L0SM9cOFvHcC{number:03d}=" for number in range(RECIPIENTS)]
    calls = [
        (ids[: min(RECIPIENTS, posts - start)], os.urandom(BODY_BYTES))
        for start in range(0, posts, RECIPIENTS)
    ]
    cpu, wall = cpu_seconds(), time.perf_counter()
    for recipients, body in calls:
        send(recipients, body)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    return Cost(cpu * 1e6 / posts, posts / wall)


@contextmanager
def gateway(endpoint: str, trusted: str) -> Iterator[Send]:
    """Send through the connection gateway."""
    clock = SystemClock()
    sender = ConnectionGateway(
        endpoint,
        REGION,
        lambda: CREDENTIALS,
        clock=clock,
        concurrency=IN_FLIGHT,
        ca_bundle=trusted,
        connect_timeout_ms=10_000,
    )

    def send(connection_ids: list[str], body: bytes) -> None:
        outcomes = sender.post_many(connection_ids, body, clock.now_ms() + 30_000)
        if set(outcomes.values()) != {Outcome.SENT}:
            raise RuntimeError("some posts were not sent")

    yield send
    sender.close()


@contextmanager
def boto3_in_threads(endpoint: str, trusted: str) -> Iterator[Send]:
    """Send with boto3, with a pool as large as the number of threads."""
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        verify=trusted,
        config=Config(max_pool_connections=IN_FLIGHT),
    )
    with ThreadPoolExecutor(IN_FLIGHT) as threads:

        def send(connection_ids: list[str], body: bytes) -> None:
            def post(connection_id: str) -> None:
                client.post_to_connection(ConnectionId=connection_id, Data=body)

            list(threads.map(post, connection_ids))

        yield send


def main() -> None:
    """Measure; print a table, and the figures as JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--posts", type=int, default=10_000, help="posts per round (boto3: a tenth)"
    )
    posts = parser.parse_args().posts
    few = max(posts // BOTO3_SHARE, 1)
    with tempfile.TemporaryDirectory() as directory, instant_server(Path(directory)) as served:
        endpoint, trusted = f"{served[0]}/prod", served[1]
        with gateway(endpoint, trusted) as ours, boto3_in_threads(endpoint, trusted) as theirs:
            first = measure(ours, IN_FLIGHT)
            measure(ours, 2 * RECIPIENTS)
            measure(theirs, 2 * IN_FLIGHT)
            rounds = [(measure(ours, posts), measure(theirs, few)) for _ in range(ROUNDS)]
    report(rounds, first, posts, few)


def report(rounds: list[tuple[Cost, Cost]], first: Cost, posts: int, few: int) -> None:
    """Print medians, so that a disturbed round has no effect."""
    ours_us = statistics.median(ours.cpu_us for ours, _ in rounds)
    boto3_us = statistics.median(theirs.cpu_us for _, theirs in rounds)
    ours_rate = statistics.median(ours.posts_per_s for ours, _ in rounds)
    boto3_rate = statistics.median(theirs.posts_per_s for _, theirs in rounds)
    print(f"{BODY_BYTES} B over TLS keep-alive, {IN_FLIGHT} in flight, {ROUNDS} rounds in turn\n")
    print(f"{'':34}{'posts/round':>14}{'CPU µs/post':>15}{'posts/s':>9}")
    print(f"{'connection gateway':34}{posts:14}{ours_us:15.1f}{ours_rate:9.0f}")
    print(f"{f'boto3 in {IN_FLIGHT} threads':34}{few:14}{boto3_us:15.1f}{boto3_rate:9.0f}")
    print(f"\nThe gateway needs {boto3_us / ours_us:.0f} times less CPU.")
    first_ms = first.cpu_us * IN_FLIGHT / 1_000
    print(f"Its first {IN_FLIGHT} posts, with as many TLS handshakes: {first_ms:.0f} ms of CPU.\n")
    figures = {
        "ours_us": round(ours_us, 1),
        "boto3_us": round(boto3_us, 1),
        "ratio": round(boto3_us / ours_us, 1),
        "ours_posts_per_s": round(ours_rate),
        "boto3_posts_per_s": round(boto3_rate),
        "ours_first_100_cpu_ms": round(first_ms, 1),
        "body_bytes": BODY_BYTES,
        "in_flight": IN_FLIGHT,
        "rounds": ROUNDS,
        "posts_a_round": posts,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
