"""Cost of getSessionStatus and of status pushes, with few and with many listeners.

    python -m benchmarks.status

First, getSessionStatus over the whole local stack, with audiences of 10 and 5 000 written to the
session's row in turn; then, 500 listeners who join at once. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import uvloop
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import log
from benchmarks.frame_client import FrameClient
from benchmarks.speaker import speaker_token
from local.base.aws_settings import clear_aws_settings
from local.endpoints import Endpoints
from local.iam.credentials import LocalCredentials
from local.launch import UNTHROTTLED, launch
from shared.admission.budgets import budget_of
from shared.models import schema
from shared.protocol.messages import GetSessionStatus
from shared.utils.standard_streams import standard_streams

REGION = "eu-central-1"
SESSIONS = "lingocast-dev-sessions"
CONNECTIONS = "lingocast-dev-connections"
LANGUAGES = ("ar", "de", "es", "fr", "ja")
FEW, MANY = 10, 5_000
ROUNDS = 20
WARM_UP = 20
# A connection may send only so many queries a second.
INTERVAL_SECONDS = 1.05 / budget_of(GetSessionStatus, listen_only=False).per_second
CONNECTING_AT_ONCE = 32
# Timeout for the last status (s).
PATIENCE_SECONDS = 60.0


class Joiner(FrameClient):
    """A listener who connects first and joins later."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.joined: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def upgraded(self) -> None:
        """Report that the connection is open."""
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        """Keep the type of the first message, the reply to the join."""
        kind = json.loads(payload).get("type")
        if not self.joined.done():
            self.joined.set_result(str(kind))


@dataclass(frozen=True)
class Database:
    """Direct access to the stack's tables."""

    client: Any
    url: str

    @classmethod
    def of(cls, endpoints: Endpoints) -> Database:
        """Connect to the database of a running stack."""
        keys = LocalCredentials()
        session = boto3.Session(keys.access_key, keys.secret_key, keys.token, REGION)
        url = str(endpoints.dynamodb_url)
        config = Config(read_timeout=15, proxies={})
        return cls(session.client("dynamodb", endpoint_url=url, config=config), url)

    def set_audience(self, session_id: str, listeners: int) -> None:
        """Write an audience of `listeners`, spread evenly over five languages."""
        counts = {language: {"N": str(listeners // len(LANGUAGES))} for language in LANGUAGES}
        self.client.update_item(
            TableName=SESSIONS,
            Key={schema.SESSION_ID: {"S": session_id}},
            UpdateExpression="SET languageCounts = :counts, listenerCount = :count",
            ExpressionAttributeValues={
                ":counts": {"M": counts},
                ":count": {"N": str(listeners)},
            },
        )

    def session(self, session_id: str) -> dict[str, Any]:
        """The session's row, in DynamoDB's types."""
        key = {schema.SESSION_ID: {"S": session_id}}
        item: dict[str, Any] = self.client.get_item(
            TableName=SESSIONS, Key=key, ConsistentRead=True
        )["Item"]
        return item

    def read_units(self, session_id: str) -> float:
        """Read capacity that DynamoDB reports for the two reads of a query.

        They are the speaker's connection and the session, both strongly consistent.
        """
        speaker = self.session(session_id)["speakerConnectionId"]
        reads = (
            (CONNECTIONS, {schema.CONNECTION_ID: speaker}),
            (SESSIONS, {schema.SESSION_ID: {"S": session_id}}),
        )
        units = 0.0
        for table, key in reads:
            answer = self.client.get_item(
                TableName=table, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
            )
            units += answer["ConsumedCapacity"]["CapacityUnits"]
        return units

    def requests(self) -> dict[str, int]:
        """Calls of each operation since the stack started."""
        with urllib.request.urlopen(f"{self.url}/_requests", timeout=5) as answer:
            counts: dict[str, int] = json.load(answer)
            return counts


async def create_session(speaker: ClientConnection) -> str:
    """Create a session; return its ID."""
    await speaker.send(json.dumps({"action": "createSession", "sourceLanguage": "en"}))
    session_id: str = json.loads(await speaker.recv())["sessionId"]
    return session_id


async def query_repeatedly(speaker: ClientConnection, queries: int) -> list[float]:
    """Send queries one after the other, within their budget; return their durations (ms)."""
    durations = []
    for _ in range(queries):
        await asyncio.sleep(INTERVAL_SECONDS)
        started_at = time.perf_counter()
        await speaker.send('{"action": "getSessionStatus"}')
        await requested_status(speaker)
        durations.append((time.perf_counter() - started_at) * 1_000)
    return durations


async def requested_status(speaker: ClientConnection) -> None:
    """Skip periodic statuses until the reply to a query. Raises RuntimeError for an error."""
    while True:
        message = json.loads(await speaker.recv())
        if message["type"] == "error":
            raise RuntimeError(f"getSessionStatus failed: {message}")
        if message.get("updateReason") == "requested":
            return


async def measure_queries(endpoints: Endpoints, queries: int) -> dict[str, object]:
    """Measure duration and reads of a query, with few and many listeners in turn."""
    database = Database.of(endpoints)
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    durations: dict[int, list[float]] = {FEW: [], MANY: []}
    units: dict[int, float] = {}
    async with connect(url, compression=None) as speaker:
        session_id = await create_session(speaker)
        await query_repeatedly(speaker, WARM_UP)
        before = database.requests()
        for number in range(ROUNDS):
            order = (FEW, MANY) if number % 2 else (MANY, FEW)
            for listeners in order:
                database.set_audience(session_id, listeners)
                durations[listeners] += await query_repeatedly(speaker, queries // ROUNDS)
        after = database.requests()
        for listeners in (FEW, MANY):
            database.set_audience(session_id, listeners)
            units[listeners] = database.read_units(session_id)
        await speaker.send('{"action": "endSession"}')
    query_count = sum(map(len, durations.values()))
    reads = after.get("GetItem", 0) - before.get("GetItem", 0)
    few, many = (statistics.median(durations[listeners]) for listeners in (FEW, MANY))
    return {
        "t10_ms": round(few, 2),
        "t5000_ms": round(many, 2),
        "ratio": round(many / few, 3),
        "units10": units[FEW],
        "units5000": units[MANY],
        "reads_per_query": round(reads / query_count, 2),
        "queries": query_count,
    }


async def measure_joins(endpoints: Endpoints, listeners: int) -> dict[str, object]:
    """Measure how long concurrent joins take, and which statuses the speaker receives."""
    database = Database.of(endpoints)
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        session_id = await create_session(speaker)
        joiners = await open_joiners(endpoints.websocket_url, listeners)
        join = {"action": "joinSession", "sessionId": session_id, "targetLanguage": "es"}
        pushes = asyncio.ensure_future(statuses(speaker, listeners))
        started_at = time.monotonic()
        for joiner in joiners:
            joiner.send(json.dumps(join).encode())
        answers = await asyncio.gather(*(joiner.joined for joiner in joiners))
        joining_s = time.monotonic() - started_at
        log(f"{answers.count('sessionJoined')} of {listeners} joined in {joining_s:.1f} s")
        received = await pushes
        settled_s = time.monotonic() - started_at
        # A timer follows every triggered status; the last one finds no change.
        row = await asyncio.to_thread(wait_until_settled, database, session_id)
        await speaker.send('{"action": "getSessionStatus"}')
        received += await statuses(speaker, None)
        for joiner in joiners:
            joiner.close()
    pushed = [status for status in received if status["updateReason"] != "requested"]
    triggered = [status for status in pushed if status["updateReason"] != "periodic"]
    return {
        "join500_s": round(joining_s, 2),
        "statuses": len(triggered),
        "final_count": pushed[-1]["listenerCount"],
        "asked_count": received[-1]["listenerCount"],
        "stored_count": int(row["listenerCount"]["N"]),
        "told_after_s": round(settled_s, 2),
        "shortest_gap_ms": shortest_gap(triggered),
        "joined": answers.count("sessionJoined"),
    }


def shortest_gap(received: Sequence[dict[str, Any]]) -> int | None:
    """Shortest time between two statuses, by their timestamps (ms)."""
    times = [status["timestamp"] for status in received]
    return min((b - a for a, b in itertools.pairwise(times)), default=None)


async def open_joiners(url: str, count: int) -> list[Joiner]:
    """Open `count` connections that have not joined yet."""
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open_one() -> Joiner:
        async with gate:
            joiner = Joiner(url)
            await joiner.open()
            return joiner

    return list(await asyncio.gather(*(open_one() for _ in range(count))))


async def statuses(speaker: ClientConnection, until: int | None) -> list[dict[str, Any]]:
    """Receive statuses until one counts `until` listeners, or for None until the reply."""
    received: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message = json.loads(await speaker.recv())
            if message.get("type") != "sessionStatus":
                continue
            received.append(message)
            if until is None and message["updateReason"] == "requested":
                return received
            if message["listenerCount"] == until:
                return received


def wait_until_settled(database: Database, session_id: str) -> dict[str, Any]:
    """Return the session's row once no status is pending. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        row = database.session(session_id)
        reported, count = row.get(schema.STATUS_COUNT), row["listenerCount"]
        if reported == count and schema.STATUS_PENDING not in row:
            return row
        time.sleep(0.1)
    raise TimeoutError("a status is still pending")


def main() -> None:
    """Start a stack, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--queries", type=int, default=80, help="queries per audience size (at most 10000)"
    )
    parser.add_argument("--listeners", type=int, default=500, help="listeners who join at once")
    options = parser.parse_args()
    if not (ROUNDS <= options.queries <= 10_000 and 1 <= options.listeners <= 2_000):
        parser.error(f"use {ROUNDS} to 10000 --queries and 1 to 2000 --listeners")
    log("starting the local stack")
    with launch(extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure_queries(endpoints, options.queries))
        log(f"{result}")
        result |= uvloop.run(measure_joins(endpoints, options.listeners))
    print(json.dumps(result))


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
