"""What a speaker's knowledge of the audience costs, at few and at many listeners.

    python -m benchmarks.status

First getSessionStatus over the whole local stack, with the audience written into the session's row,
10 and 5 000 by turns; then 500 listeners who join at once. The last line is a JSON object.
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

from benchmarks.frame_client import FrameClient
from benchmarks.live import say, speaker_token
from local.base.aws_settings import clear_aws_settings
from local.endpoints import Endpoints
from local.iam.credentials import LocalCredentials
from local.launch import UNTHROTTLED, launch
from shared.models import schema
from shared.utils.standard_streams import standard_streams

REGION = "eu-central-1"
SESSIONS = "lingocast-dev-sessions"
CONNECTIONS = "lingocast-dev-connections"
LANGUAGES = ("ar", "de", "es", "fr", "ja")
FEW, MANY = 10, 5_000
ROUNDS = 40
CONNECTING_AT_ONCE = 32
# Until the last status has come, and nothing follows it (s).
PATIENCE_SECONDS = 60.0


class Joiner(FrameClient):
    """A listener who is connected first and joins when told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.joined: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def upgraded(self) -> None:
        """Connected."""
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        """The reply to joining is the first message of its type."""
        kind = json.loads(payload).get("type")
        if not self.joined.done():
            self.joined.set_result(str(kind))


@dataclass(frozen=True)
class Database:
    """The stack's tables, beside its functions."""

    client: Any
    url: str

    @classmethod
    def of(cls, endpoints: Endpoints) -> Database:
        """The database of a running stack."""
        keys = LocalCredentials()
        session = boto3.Session(keys.access_key, keys.secret_key, keys.token, REGION)
        url = str(endpoints.dynamodb_url)
        config = Config(read_timeout=15, proxies={})
        return cls(session.client("dynamodb", endpoint_url=url, config=config), url)

    def set_audience(self, session_id: str, listeners: int) -> None:
        """So many listeners, evenly in five languages."""
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
        """What DynamoDB says that the two reads of a query cost: the speaker's connection and the
        session, both strongly consistent.
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
        """How often each operation was called since the stack started."""
        with urllib.request.urlopen(f"{self.url}/_requests", timeout=5) as answer:
            counts: dict[str, int] = json.load(answer)
            return counts


async def opened(speaker: ClientConnection) -> str:
    """A session of the speaker's."""
    await speaker.send(json.dumps({"action": "createSession", "sourceLanguage": "en"}))
    session_id: str = json.loads(await speaker.recv())["sessionId"]
    return session_id


async def asked(speaker: ClientConnection, times: int) -> list[float]:
    """How long each of so many queries took (ms), one after the other."""
    taken = []
    for _ in range(times):
        started_at = time.perf_counter()
        await speaker.send('{"action": "getSessionStatus"}')
        while json.loads(await speaker.recv()).get("updateReason") != "requested":
            pass  # a periodic status between question and answer
        taken.append((time.perf_counter() - started_at) * 1_000)
    return taken


async def measure_queries(endpoints: Endpoints, queries: int) -> dict[str, object]:
    """The time and the reads of a query, few and many listeners by turns."""
    database = Database.of(endpoints)
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    units: dict[int, float] = {}
    async with connect(url, compression=None) as speaker:
        session_id = await opened(speaker)
        await asked(speaker, 50)
        before = database.requests()
        for number in range(ROUNDS):
            order = (FEW, MANY) if number % 2 else (MANY, FEW)
            for listeners in order:
                database.set_audience(session_id, listeners)
                taken[listeners] += await asked(speaker, queries // ROUNDS)
        after = database.requests()
        for listeners in (FEW, MANY):
            database.set_audience(session_id, listeners)
            units[listeners] = database.read_units(session_id)
        await speaker.send('{"action": "endSession"}')
    asked_for = sum(map(len, taken.values()))
    reads = after.get("GetItem", 0) - before.get("GetItem", 0)
    few, many = (statistics.median(taken[listeners]) for listeners in (FEW, MANY))
    return {
        "t10_ms": round(few, 2),
        "t5000_ms": round(many, 2),
        "ratio": round(many / few, 3),
        "units10": units[FEW],
        "units5000": units[MANY],
        "reads_per_query": round(reads / asked_for, 2),
        "queries": asked_for,
    }


async def measure_joins(endpoints: Endpoints, listeners: int) -> dict[str, object]:
    """How long it takes so many to join at once, and what the speaker is told meanwhile."""
    database = Database.of(endpoints)
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        session_id = await opened(speaker)
        joiners = await connected(endpoints.websocket_url, listeners)
        join = {"action": "joinSession", "sessionId": session_id, "targetLanguage": "es"}
        told = asyncio.ensure_future(statuses(speaker, listeners))
        started_at = time.monotonic()
        for joiner in joiners:
            joiner.send(json.dumps(join).encode())
        answers = await asyncio.gather(*(joiner.joined for joiner in joiners))
        joining_s = time.monotonic() - started_at
        say(f"{answers.count('sessionJoined')} of {listeners} joined in {joining_s:.1f} s")
        received = await told
        settled_s = time.monotonic() - started_at
        # A timer follows every triggered status; the last one finds nothing.
        row = await asyncio.to_thread(settled, database, session_id)
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
    """The least time between two statuses, by their own timestamps (ms)."""
    times = [status["timestamp"] for status in received]
    return min((b - a for a, b in itertools.pairwise(times)), default=None)


async def connected(url: str, count: int) -> list[Joiner]:
    """So many connections in no session yet."""
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def one() -> Joiner:
        async with gate:
            joiner = Joiner(url)
            await joiner.open()
            return joiner

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def statuses(speaker: ClientConnection, until: int | None) -> list[dict[str, Any]]:
    """The statuses up to the first of so many listeners, or up to the one asked for."""
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


def settled(database: Database, session_id: str) -> dict[str, Any]:
    """The session's row once no status is awaited. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        row = database.session(session_id)
        told, count = row.get(schema.STATUS_COUNT), row["listenerCount"]
        if told == count and schema.STATUS_PENDING not in row:
            return row
        time.sleep(0.1)
    raise TimeoutError("a status is awaited still")


def main() -> None:
    """Start a stack, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=400, help="at each size (at most 10000)")
    parser.add_argument("--listeners", type=int, default=500, help="who join at once")
    options = parser.parse_args()
    if not (ROUNDS <= options.queries <= 10_000 and 1 <= options.listeners <= 2_000):
        parser.error(f"{ROUNDS} to 10000 queries, 1 to 2000 listeners")
    say("starting the local stack")
    with launch(extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure_queries(endpoints, options.queries))
        say(f"{result}")
        result |= uvloop.run(measure_joins(endpoints, options.listeners))
    print(json.dumps(result))


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
