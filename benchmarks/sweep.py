"""Reads of the idle sweep among 5 000 connections, of which none, 50 or 500 are idle.

    python -m benchmarks.sweep

Runs the sweep on the local stack's database, with connections that exist as rows only. Items are
counted in DynamoDB's responses. The last line is a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from local.base.aws_settings import clear_aws_settings
from local.iam.credentials import LocalCredentials
from local.launch import UNTHROTTLED, launch
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.idle_connections import IdleConnections
from shared.data_access.table import Table
from shared.fanout.sharded_sender import InvocationResult
from shared.models import schema
from shared.models.connection import Connection
from shared.models.delivery import Batch, Outcome
from shared.services.sweeps.idle_sweep import IdleSweep
from shared.utils.clock import SystemClock
from shared.utils.standard_streams import standard_streams

REGION = "eu-central-1"
TABLE = "lingocast-dev-connections"
CONNECTIONS = 5_000
IDLE = (0, 50, 500)
IDLE_SECONDS = 120
THREADS = 4
CLOCK = SystemClock()


@dataclass
class RequestCounter:
    """Counts DynamoDB requests and the items returned."""

    requests: Counter[str] = field(default_factory=Counter)
    items: int = 0

    def after_call(self, model: Any, parsed: Any, **_: Any) -> None:
        """Hook that botocore calls after each request."""
        self.requests[model.name] += 1
        self.items += len(parsed.get("Items", ())) + ("Item" in parsed)


class FakeConnections:
    """Connections for which every post, close and clean-up succeeds."""

    def post_batches(
        self, batches: Sequence[Batch], deadline_at: int, *, live: bool = False
    ) -> list[dict[str, Outcome]]:
        """Succeed for all."""
        return [dict.fromkeys(batch.connection_ids, Outcome.SENT) for batch in batches]

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int, *, live: bool = False
    ) -> dict[str, Outcome]:
        """Succeed for all."""
        return self.post_batches([Batch(connection_ids, data)], deadline_at)[0]

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """Succeed."""
        return Outcome.SENT

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> dict[str, Outcome]:
        """Succeed for all."""
        return dict.fromkeys(connection_ids, Outcome.SENT)

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """Succeed."""
        return Outcome.SENT

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """Accept every clean-up without running it, so that the rows stay."""
        return [InvocationResult(Outcome.SENT)] * len(payloads)


class NullTelemetry:
    """Discards all telemetry."""

    def count(self, name: str, value: int = 1, **context: str | int) -> None:
        """Discard."""

    def count_by(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Discard."""

    def duration(self, name: str, milliseconds: float) -> None:
        """Discard."""

    def warn(self, message: str, **context: object) -> None:
        """Discard."""

    def fault(self, message: str, **context: object) -> None:
        """Discard."""

    def flush(self) -> None:
        """Discard."""


def log(line: str) -> None:
    """Print progress to standard error."""
    print(line, file=sys.stderr, flush=True)


def database_client(url: str) -> Any:
    """DynamoDB client with the local stack's credentials."""
    keys = LocalCredentials()
    session = boto3.Session(keys.access_key, keys.secret_key, keys.token, REGION)
    config = Config(read_timeout=15, proxies={}, max_pool_connections=THREADS)
    return session.client("dynamodb", endpoint_url=url, config=config)


def add_connections(client: Any, executor: ThreadPoolExecutor) -> None:
    """Write all connections, active just now."""
    repository = ConnectionsRepository(Table(client, TABLE, schema.CONNECTION_ID))
    now = CLOCK.now_ms()
    rows = (Connection(f"c{number}", None, now, now) for number in range(CONNECTIONS))
    assert all(executor.map(repository.register, rows))


def make_idle(client: Any, numbers: range, executor: ThreadPoolExecutor) -> None:
    """Set the last activity of these connections just beyond the idle limit."""
    then = CLOCK.now_ms() - (IDLE_SECONDS + 1) * 1_000

    def age(number: int) -> None:
        client.update_item(
            TableName=TABLE,
            Key={schema.CONNECTION_ID: {"S": f"c{number}"}},
            UpdateExpression=f"SET {schema.LAST_ACTIVITY_TIME} = :then",
            ExpressionAttributeValues={":then": {"N": str(then)}},
        )

    list(executor.map(age, numbers))


def main() -> None:
    """Run the sweep and print the counts."""
    result: dict[str, float] = {}
    with launch(extra_args=UNTHROTTLED) as endpoints, ThreadPoolExecutor(THREADS) as executor:
        client, counter = database_client(endpoints.dynamodb_url), RequestCounter()
        add_connections(client, executor)
        client.meta.events.register("after-call.dynamodb", counter.after_call)
        connections = FakeConnections()
        sweep = IdleSweep(
            IdleConnections(Table(client, TABLE, schema.CONNECTION_ID)),
            connections,
            connections,
            idle_seconds=IDLE_SECONDS,
            clock=CLOCK,
            telemetry=NullTelemetry(),
            parallel_map=executor.map,
        )
        first = 0
        for idle in IDLE:
            numbers = range(first, first + idle)
            first += idle
            make_idle(client, numbers, executor)
            counter.items, counter.requests = 0, Counter()
            started_at = time.perf_counter()
            swept = sweep.run(CLOCK.now_ms() + 60_000)
            took_ms = (time.perf_counter() - started_at) * 1_000
            assert swept.closed == idle, swept
            result |= {
                f"read{idle}": counter.items,
                f"queries{idle}": counter.requests["Query"],
                f"claims{idle}": counter.requests["UpdateItem"],
                f"ms{idle}": round(took_ms, 1),
            }
            log(
                f"{idle:4} of {CONNECTIONS} idle: {counter.items} items read in "
                f"{counter.requests['Query']} queries, {took_ms:.0f} ms"
            )
            for number in numbers:
                client.delete_item(TableName=TABLE, Key={schema.CONNECTION_ID: {"S": f"c{number}"}})
    print(json.dumps(result))


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
