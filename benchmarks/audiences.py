"""Benchmark of announcements to all connections and of sync between a user's devices.

    python -m benchmarks.audiences

First, users whose devices exchange changes; then, one announcement to listeners of several
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

from benchmarks.figures import log, percentile
from benchmarks.frame_client import FrameClient
from benchmarks.speaker import database_requests
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

CONNECTING_AT_ONCE = 32
LANGUAGES = ("en", "es", "fr", "de")
# Timeout for replies and for the last receipt (s).
PATIENCE_SECONDS = 30.0
MESSAGES_PER_SECOND = 5
_SENT_AT = re.compile(rb'"wallMs":(\d+),"counter":(\d+),"node":"([^"]+)"')


class Client(FrameClient):
    """Sends requests and awaits replies; passes pushes of type `watched` to `seen`."""

    def __init__(self, url: str, watched: bytes, seen: Callable[[bytes, float], None]) -> None:
        super().__init__(url)
        self._watched = b'{"type":"%s"' % watched
        self._seen = seen
        self._reply: tuple[str, asyncio.Future[bytes]] | None = None

    def upgraded(self) -> None:
        """Report that the connection is open."""
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        """Pass on watched pushes without parsing them; anything else may be the reply."""
        if payload.startswith(self._watched):
            self._seen(payload, time.time() * 1000)
        elif self._reply is not None:
            kind = str(json.loads(payload).get("type"))
            if kind in {self._reply[0], "error"} and not self._reply[1].done():
                self._reply[1].set_result(payload)

    async def request(self, request: dict[str, object], reply_type: str) -> bytes:
        """Send a request and return its reply. Raises ConnectionError for an error reply."""
        self._reply = (reply_type, asyncio.get_running_loop().create_future())
        self.send(json.dumps(request).encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            payload = await self._reply[1]
        if payload.startswith(b'{"type":"error"'):
            raise ConnectionError(payload.decode())
        return payload


def token(endpoints: Endpoints, user: str, *groups: str) -> str:
    """Fetch a token from the local issuer."""
    assert endpoints.token_url is not None
    body = json.dumps({"sub": user, "groups": groups}).encode()
    with urllib.request.urlopen(endpoints.token_url, body, timeout=5) as response:
        fetched: str = json.load(response)["token"]
        return fetched


@dataclass
class Receipts:
    """Times at which listeners received the announcement (ms since the epoch)."""

    at_ms: dict[int, float] = field(default_factory=dict)
    posts: int = 0

    def recorder(self, number: int) -> Callable[[bytes, float], None]:
        """Callback that records a client's receipts."""

        def record(_payload: bytes, at_ms: float) -> None:
            self.posts += 1
            self.at_ms.setdefault(number, at_ms)

        return record


async def announce(endpoints: Endpoints, count: int) -> dict[str, object]:
    """Measure one announcement to `count` listeners."""
    receipts = Receipts()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    speaker_url = f"{endpoints.websocket_url}?token={token(endpoints, 'ann', 'speakers')}"
    operator_url = f"{endpoints.websocket_url}?token={token(endpoints, 'olga', 'operators')}"
    speaker = Client(speaker_url, b"none", receipts.recorder(-1))
    await speaker.open()
    created = await speaker.request(
        {"action": "createSession", "sourceLanguage": "en"}, "sessionCreated"
    )
    session_id = json.loads(created)["sessionId"]
    # The operator receives the announcement as a reply, not as a push.
    operator = Client(operator_url, b"none", receipts.recorder(-1))
    await operator.open()

    async def join(number: int) -> Client:
        async with gate:
            client = Client(endpoints.websocket_url, b"announcement", receipts.recorder(number))
            await client.open()
            language = LANGUAGES[number % len(LANGUAGES)]
            join = {"action": "joinSession", "sessionId": session_id, "targetLanguage": language}
            await client.request({**join}, "sessionJoined")
            return client

    log(f"{count} listeners join {session_id}")
    clients = await asyncio.gather(*(join(number) for number in range(count)))
    await asyncio.sleep(2)  # let the statuses after the joins pass
    before = await asyncio.to_thread(database_requests, endpoints)
    sent_ms = time.time() * 1000
    request = {
        "action": "announce",
        "scope": "all",
        "message": "Lunch is at noon.",
        "translations": {"es": "La comida es a mediodía.", "fr": "Le déjeuner est à midi."},
    }
    await operator.request({**request}, "announcement")
    answered_ms = time.time() * 1000
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(receipts.at_ms) < count and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # an event per receipt would distort the measurement
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
    """Messages that devices received, and their latencies (ms)."""

    latencies_ms: list[float] = field(default_factory=list)
    seen: set[tuple[str, bytes, bytes]] = field(default_factory=set)
    duplicates: int = 0

    def recorder(self, device: str) -> Callable[[bytes, float], None]:
        """Callback that records a device's messages."""

        def record(payload: bytes, at_ms: float) -> None:
            found = _SENT_AT.search(payload)
            assert found is not None
            key = (device, found[1] + b"/" + found[2], found[3])
            if key in self.seen:
                self.duplicates += 1
                return
            self.seen.add(key)
            self.latencies_ms.append(at_ms - int(found[1]))

        return record


@dataclass
class User:
    """A user's devices: IDs and connections."""

    devices: list[tuple[str, Client]]
    sent: int = 0

    async def send_changes(self, seconds: int, started_at: float) -> None:
        """Send five messages per second, from the devices in turn."""
        for number in range(seconds * MESSAGES_PER_SECOND):
            await asyncio.sleep(started_at + number / MESSAGES_PER_SECOND - time.time())
            node, client = self.devices[number % len(self.devices)]
            hlc = {"wallMs": round(time.time() * 1000), "counter": number, "node": node}
            progress = {"positionSeconds": number, "durationSeconds": 7_200}
            request = {"action": "sync", "kind": "progressUpdate", "hlc": hlc, **progress}
            client.send(json.dumps({**request, "contentId": f"film-{number % 7}"}).encode())
            self.sent += 1


async def relay(
    endpoints: Endpoints, user_count: int, devices_each: int, seconds: int
) -> dict[str, object]:
    """Measure changes between devices: five messages per second and user."""
    relays = Relays()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def device(name: str) -> tuple[str, Client]:
        async with gate:
            user_token = await asyncio.to_thread(token, endpoints, name)
            device_id = str(uuid.uuid4())
            url = f"{endpoints.websocket_url}?token={user_token}"
            client = Client(url, b"syncMessage", relays.recorder(device_id))
            await client.open()
            register = {"action": "registerDevice", "deviceId": device_id, "kind": "bench"}
            await client.request({**register}, "deviceRegistered")
            return device_id, client

    async def register_user(number: int) -> User:
        devices = (device(f"user-{number}") for _ in range(devices_each))
        return User(list(await asyncio.gather(*devices)))

    log(f"{user_count} users register {devices_each} devices each")
    users = await asyncio.gather(*(register_user(number) for number in range(user_count)))
    log(f"each user sends {MESSAGES_PER_SECOND} messages per second for {seconds} s")
    # Spread the users over the interval between messages.
    begin = time.time() + 1
    senders = (
        user.send_changes(seconds, begin + number / user_count / MESSAGES_PER_SECOND)
        for number, user in enumerate(users)
    )
    await asyncio.gather(*senders)
    expected = sum(user.sent for user in users) * (devices_each - 1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(relays.seen) < expected and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for user in users:
        for _, client in user.devices:
            client.close()
    latencies = relays.latencies_ms
    return {
        "relay_users": user_count,
        "relay_devices": user_count * devices_each,
        "relay_expected": expected,
        "relay_missing": expected - len(relays.seen),
        "relay_duplicates": relays.duplicates,
        "relay_p50_ms": round(percentile(latencies, 0.50), 1),
        "relay_p95_ms": round(percentile(latencies, 0.95), 1),
        "relay_p99_ms": round(percentile(latencies, 0.99), 1),
        "relay_max_ms": round(max(latencies, default=float("nan")), 1),
    }


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Run both measurements against a running stack."""
    # Devices first: a thousand disconnecting listeners keep the stack busy for seconds.
    relayed = await relay(endpoints, options.users, options.devices, options.seconds)
    announced = await announce(endpoints, options.connections)
    return {**announced, **relayed}


def main() -> None:
    """Start a stack, measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--devices", type=int, default=5, help="devices per user")
    parser.add_argument("--seconds", type=int, default=20, help="seconds of messages (at most 120)")
    options = parser.parse_args()
    if not (1 <= options.connections <= 5_000 and 1 <= options.seconds <= 120):
        parser.error("use 1 to 5000 --connections and 1 to 120 --seconds")
    if not (1 <= options.users <= 100 and 2 <= options.devices <= 20):
        parser.error("use 1 to 100 --users and 2 to 20 --devices")
    log("starting the local stack (signatures of @connections are not verified under load)")
    with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure(endpoints, options))
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
