"""The two audiences beside sessions: everyone who is connected, and a user's devices.

    python -m benchmarks.audiences

First users whose devices keep each other up to date; then one announcement to listeners of several
languages, each in theirs. Clients and stack share the machine's cores. The last line is a JSON
object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

from benchmarks.figures import percentile
from benchmarks.frame_client import FrameClient
from benchmarks.live import database_requests, say
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

CONNECTING_AT_ONCE = 32
LANGUAGES = ("en", "es", "fr", "de")
# How long the last receipt is waited for (s).
PATIENCE_SECONDS = 30.0
MESSAGES_PER_SECOND = 5
_SENT_AT = re.compile(rb'"wallMs":(\d+),"counter":(\d+),"node":"([^"]+)"')


class Client(FrameClient):
    """Sends requests, waits for the type that answers each, hands pushes of `watched` on."""

    def __init__(self, url: str, watched: bytes, seen: Callable[[bytes, float], None]) -> None:
        super().__init__(url)
        self._watched = b'{"type":"%s"' % watched
        self._seen = seen
        self._answer: tuple[str, asyncio.Future[bytes]] | None = None

    def upgraded(self) -> None:
        """Connected."""
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        """Count what is watched without parsing it; everything else may be an answer."""
        if payload.startswith(self._watched):
            self._seen(payload, time.time() * 1000)
        elif self._answer is not None:
            kind = str(json.loads(payload).get("type"))
            if kind in {self._answer[0], "error"} and not self._answer[1].done():
                self._answer[1].set_result(payload)

    async def ask(self, request: dict[str, object], answer: str) -> bytes:
        """The message of the type that answers. Raises ConnectionError for an error."""
        self._answer = (answer, asyncio.get_running_loop().create_future())
        self.send(json.dumps(request).encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            payload = await self._answer[1]
        if payload.startswith(b'{"type":"error"'):
            raise ConnectionError(payload.decode())
        return payload


def token(endpoints: Endpoints, user: str, *groups: str) -> str:
    """A token of the local issuer."""
    assert endpoints.token_url is not None
    body = json.dumps({"sub": user, "groups": groups}).encode()
    with urllib.request.urlopen(endpoints.token_url, body, timeout=5) as answer:
        given: str = json.load(answer)["token"]
        return given


@dataclass
class Receipts:
    """Who got the announcement, and when (ms since the epoch)."""

    at_ms: dict[int, float] = field(default_factory=dict)
    posts: int = 0

    def of(self, number: int) -> Callable[[bytes, float], None]:
        """Notes what one client gets."""

        def seen(_payload: bytes, at_ms: float) -> None:
            self.posts += 1
            self.at_ms.setdefault(number, at_ms)

        return seen


async def announce(endpoints: Endpoints, count: int) -> dict[str, object]:
    """One announcement to `count` listeners."""
    receipts = Receipts()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    speaker_url = f"{endpoints.websocket_url}?token={token(endpoints, 'ann', 'speakers')}"
    operator_url = f"{endpoints.websocket_url}?token={token(endpoints, 'olga', 'operators')}"
    speaker = Client(speaker_url, b"none", receipts.of(-1))
    await speaker.open()
    created = await speaker.ask(
        {"action": "createSession", "sourceLanguage": "en"}, "sessionCreated"
    )
    session_id = json.loads(created)["sessionId"]
    # The operator's own is the reply, not a push.
    operator = Client(operator_url, b"none", receipts.of(-1))
    await operator.open()

    async def join(number: int) -> Client:
        async with gate:
            client = Client(endpoints.websocket_url, b"announcement", receipts.of(number))
            await client.open()
            language = LANGUAGES[number % len(LANGUAGES)]
            join = {"action": "joinSession", "sessionId": session_id, "targetLanguage": language}
            await client.ask({**join}, "sessionJoined")
            return client

    say(f"{count} listeners join {session_id}")
    clients = await asyncio.gather(*(join(number) for number in range(count)))
    await asyncio.sleep(2)  # statuses of the joins
    before = await asyncio.to_thread(database_requests, endpoints)
    sent_ms = time.time() * 1000
    request = {
        "action": "announce",
        "scope": "all",
        "message": "Lunch is at noon.",
        "translations": {"es": "La comida es a mediodía.", "fr": "Le déjeuner est à midi."},
    }
    await operator.ask({**request}, "announcement")
    answered_ms = time.time() * 1000
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(receipts.at_ms) < count and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # an event a receipt would cost what is measured here
    requests = await asyncio.to_thread(database_requests, endpoints) - before
    for client in (*clients, operator, speaker):
        client.close()
    last = max(receipts.at_ms.values(), default=float("nan")) - sent_ms
    return {
        "announce_connections": count,
        "announce_missing": count - len(receipts.at_ms),
        "announce_last_ms": round(last, 1),
        "announce_answered_ms": round(answered_ms - sent_ms, 1),
        "announce_requests": requests + receipts.posts,
        "announce_database_requests": requests,
        "announce_posts": receipts.posts,
    }


@dataclass
class Relays:
    """Which message reached which device, and how long it took (ms)."""

    latencies_ms: list[float] = field(default_factory=list)
    seen: set[tuple[str, bytes, bytes]] = field(default_factory=set)
    duplicates: int = 0

    def of(self, device: str) -> Callable[[bytes, float], None]:
        """Notes what one device gets."""

        def seen(payload: bytes, at_ms: float) -> None:
            found = _SENT_AT.search(payload)
            assert found is not None
            key = (device, found[1] + b"/" + found[2], found[3])
            if key in self.seen:
                self.duplicates += 1
                return
            self.seen.add(key)
            self.latencies_ms.append(at_ms - int(found[1]))

        return seen


@dataclass
class Person:
    """One user with their devices: ids and connections."""

    devices: list[tuple[str, Client]]
    sent: int = 0

    async def chat(self, seconds: int, started_at: float) -> None:
        """Five messages a second, of one device after the other."""
        for number in range(seconds * MESSAGES_PER_SECOND):
            await asyncio.sleep(started_at + number / MESSAGES_PER_SECOND - time.time())
            node, client = self.devices[number % len(self.devices)]
            hlc = {"wallMs": round(time.time() * 1000), "counter": number, "node": node}
            progress = {"positionSeconds": number, "durationSeconds": 7_200}
            request = {"action": "sync", "kind": "progressUpdate", "hlc": hlc, **progress}
            client.send(json.dumps({**request, "contentId": f"film-{number % 7}"}).encode())
            self.sent += 1


async def relay(endpoints: Endpoints, users: int, each: int, seconds: int) -> dict[str, object]:
    """`users` with `each` devices, five messages a second each, for so long."""
    relays = Relays()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def device(name: str) -> tuple[str, Client]:
        async with gate:
            given = await asyncio.to_thread(token, endpoints, name)
            identity = str(uuid.uuid4())
            url = f"{endpoints.websocket_url}?token={given}"
            client = Client(url, b"syncMessage", relays.of(identity))
            await client.open()
            register = {"action": "registerDevice", "deviceId": identity, "kind": "bench"}
            await client.ask({**register}, "deviceRegistered")
            return identity, client

    async def person(number: int) -> Person:
        return Person(list(await asyncio.gather(*(device(f"user-{number}") for _ in range(each)))))

    say(f"{users} users register {each} devices each")
    people = await asyncio.gather(*(person(number) for number in range(users)))
    say(f"each user sends {MESSAGES_PER_SECOND} messages a second for {seconds} s")
    # Not all at the same moment, as people are not.
    begin = time.time() + 1
    chats = (
        one.chat(seconds, begin + number / users / MESSAGES_PER_SECOND)
        for number, one in enumerate(people)
    )
    await asyncio.gather(*chats)
    expected = sum(one.sent for one in people) * (each - 1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(relays.seen) < expected and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for one in people:
        for _, client in one.devices:
            client.close()
    latencies = relays.latencies_ms
    return {
        "relay_users": users,
        "relay_devices": users * each,
        "relay_expected": expected,
        "relay_missing": expected - len(relays.seen),
        "relay_duplicates": relays.duplicates,
        "relay_p50_ms": round(percentile(latencies, 0.50), 1),
        "relay_p95_ms": round(percentile(latencies, 0.95), 1),
        "relay_p99_ms": round(percentile(latencies, 0.99), 1),
        "relay_max_ms": round(max(latencies, default=float("nan")), 1),
    }


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Both, one after the other, against a stack that is up."""
    # The devices first: a thousand listeners who hang up keep a stack busy for seconds.
    relayed = await relay(endpoints, options.users, options.devices, options.seconds)
    announced = await announce(endpoints, options.connections)
    return {**announced, **relayed}


def main() -> None:
    """Start a stack, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--devices", type=int, default=5, help="of each user")
    parser.add_argument("--seconds", type=int, default=20, help="of messages (at most 120)")
    options = parser.parse_args()
    if not (1 <= options.connections <= 5_000 and 1 <= options.seconds <= 120):
        parser.error("between 1 and 5000 connections, for 1 to 120 seconds")
    if not (1 <= options.users <= 100 and 2 <= options.devices <= 20):
        parser.error("between 1 and 100 users with 2 to 20 devices each")
    say("starting the local stack (signatures of @connections are not verified under load)")
    with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure(endpoints, options))
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
