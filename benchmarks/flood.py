"""Flood of anonymous requests during a session: its effect on listeners, and its cost.

    python -m benchmarks.flood --kind sendAudio --vandals 8 --seconds 10

A speaker and listeners use a local stack while vandals, connections without a token, send one kind
of request as fast as they can, with or without awaiting replies, and reconnect when closed. A
vandal-second is one such connection for a second. Dollars are list prices (us-east-1, arm64) of the
requests made, with Lambda's typical durations. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.crowd import Crowd
from benchmarks.speaker import create_session, speak, speaker_token
from local.endpoints import Endpoints
from local.launch import launch

JOIN = {"action": "joinSession", "targetLanguage": "es"}
AUDIO = "A" * 8_536
#: Message of each kind of flood.
KINDS = {
    "sendAudio": json.dumps({"action": "sendAudio", "seq": 1, "timestamp": 1, "audio": AUDIO}),
    "heartbeat": json.dumps({"action": "heartbeat"}),
    "changeLanguage": json.dumps({"action": "changeLanguage", "targetLanguage": "fr"}),
    "joinSession": json.dumps({**JOIN, "sessionId": "calm-otter-404"}),
    "getSessionStatus": json.dumps({"action": "getSessionStatus"}),
    "junk": "no JSON at all",
}
# Dollars per invocation, GB-second, message or handshake, read, and write:
# https://aws.amazon.com/lambda/pricing, /api-gateway/pricing, /dynamodb/pricing
INVOCATION, GB_SECOND, MESSAGE = 0.20e-6, 13.3334e-6, 1.00e-6
READ, WRITE = 0.125e-6, 0.625e-6
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
# Billed duration of a refused request (ms), typical in CloudWatch for small functions.
_BILLED_MS = 4
_MEMORY_GB = {"audio-processor": 1.769}
_OTHER_MEMORY_GB = 0.5
# Without a pause, reconnecting would measure the sockets.
_REOPEN_SECONDS = 0.05


@dataclass
class Vandals:
    """Requests of the flood, and the replies to them."""

    sent: int = 0
    opened: int = 0
    refused: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    closings: Counter[int] = field(default_factory=Counter)

    def received(self, text: str | bytes) -> None:
        """Count a reply."""
        reply = json.loads(text) if text else {}
        self.codes[reply.get("code") or reply.get("message") or reply.get("type", "")] += 1


def statistics(address: str) -> Counter[str]:
    """Counters of a service of the stack."""
    with urllib.request.urlopen(address, timeout=5) as answer:
        return Counter(json.load(answer))


async def flood(url: str, text: str, waits: bool, until: float, vandals: Vandals) -> None:
    """Flood through one connection at a time; reconnect when it is closed."""
    while time.monotonic() < until:
        try:
            async with connect(url, compression=None, max_queue=None, open_timeout=10) as socket:
                vandals.opened += 1
                with contextlib.suppress(WebSocketException):
                    await send_until(socket, text, waits, until, vandals)
                if time.monotonic() < until:
                    with contextlib.suppress(WebSocketException, TimeoutError):
                        async with asyncio.timeout(0.5):
                            await socket.wait_closed()
                    if socket.close_code is not None:
                        vandals.closings[socket.close_code] += 1
        except (WebSocketException, OSError, TimeoutError):
            vandals.refused += 1
        await asyncio.sleep(_REOPEN_SECONDS)


async def send_until(
    socket: ClientConnection, text: str, waits: bool, until: float, vandals: Vandals
) -> None:
    """Send until the deadline or until the connection is closed."""

    async def read() -> None:
        with contextlib.suppress(WebSocketException):
            while True:
                vandals.received(await socket.recv())

    reading = None if waits else asyncio.create_task(read())
    try:
        while time.monotonic() < until:
            await socket.send(text)
            vandals.sent += 1
            if waits:
                vandals.received(await socket.recv())
            elif vandals.sent % 20 == 0:
                await asyncio.sleep(0)
    finally:
        if reading is not None:
            await asyncio.sleep(0)
            reading.cancel()


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Run once against a running stack."""
    crowd, vandals = Crowd(), Vandals()
    chunks = options.seconds * 1000 // options.chunk_ms
    async with connect(
        f"{endpoints.websocket_url}?token={speaker_token(endpoints)}",
        compression=None,
        max_queue=None,
    ) as speaker:
        session_id = await create_session(speaker, options.chunk_ms)
        join = {"sessionId": session_id, "targetLanguage": "en"}
        await crowd.resize(endpoints.websocket_url, join, options.listeners)
        crowd.start(chunks, options.chunk_ms)
        await asyncio.sleep(1)
        before = await asyncio.to_thread(counts, endpoints)
        until = time.monotonic() + options.seconds
        floods = [
            asyncio.create_task(
                flood(endpoints.websocket_url, KINDS[options.kind], options.waits, until, vandals)
            )
            for _ in range(options.vandals)
        ]
        await speak(speaker, chunks, options.chunk_ms, endpoints)
        await asyncio.gather(*floods)
        await asyncio.sleep(2)
        after = await asyncio.to_thread(counts, endpoints)
        crowd.close()
    heard = crowd.tally.figures(playout_ms=float("inf"))
    spent = costs(after - before, vandals, chunks, options.vandals * options.seconds)
    return {
        "kind": options.kind,
        "waits": options.waits,
        "vandals": options.vandals,
        "seconds": options.seconds,
        "expected": heard["expected"],
        "delivered": heard["delivered"],
        "lost": heard["missing"],
        "p99_ms": heard["p99_ms"],
        "sent": vandals.sent,
        "connections": vandals.opened,
        "handshakes_refused": vandals.refused,
        "answers": dict(vandals.codes),
        "closings": {str(code): number for code, number in vandals.closings.items()},
        **spent,
    }


def counts(endpoints: Endpoints) -> Counter[str]:
    """Invocations per function, and DynamoDB requests per operation."""
    return statistics(f"{endpoints.lambda_url}/_invocations") + statistics(
        f"{endpoints.dynamodb_url}/_requests"
    )


def costs(
    spent: Counter[str], vandals: Vandals, speaker_chunks: int, seconds: int
) -> dict[str, object]:
    """Cost of a vandal-second, without the speaker's chunks (an invocation and two reads each)."""
    invoked = {name: number for name, number in spent.items() if name.startswith("lingocast")}
    audio = next((name for name in invoked if name.endswith("audio-processor")), "")
    invoked[audio] = max(invoked.get(audio, 0) - speaker_chunks, 0)
    operations = {name.rpartition(".")[2]: spent[name] for name in spent if name not in invoked}
    writes = sum(operations.get(name, 0) for name in _WRITES)
    reads = max(sum(operations.values()) - writes - 2 * speaker_chunks, 0)
    compute = sum(
        number
        * _BILLED_MS
        / 1000
        * next((gb for end, gb in _MEMORY_GB.items() if name.endswith(end)), _OTHER_MEMORY_GB)
        for name, number in invoked.items()
    )
    total = sum(invoked.values())
    # Billed messages: handshakes and requests that were not throttled, and replies.
    messages = total + sum(vandals.codes.values())
    dollars = (
        total * INVOCATION
        + compute * GB_SECOND
        + messages * MESSAGE
        + reads * READ
        + writes * WRITE
    )
    return {
        "invocations": invoked,
        "invocations_per_vandal_second": round(total / seconds, 2),
        "reads_per_vandal_second": round(reads / seconds, 2),
        "writes_per_vandal_second": round(writes / seconds, 2),
        "microdollars_per_vandal_second": round(dollars / seconds * 1e6, 2),
    }


def main() -> None:
    """Start a stack, flood it and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="sendAudio")
    parser.add_argument("--waits", action="store_true", help="wait for each reply")
    parser.add_argument("--vandals", type=int, default=8)
    parser.add_argument("--listeners", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--chunk-ms", type=int, default=200)
    options = parser.parse_args()
    if not (1 <= options.vandals <= 64 and 1 <= options.listeners <= 500):
        parser.error("use 1 to 64 --vandals and 1 to 500 --listeners")
    if not (3 <= options.seconds <= 60 and 100 <= options.chunk_ms <= 750):
        parser.error("use 3 to 60 --seconds and 100 to 750 --chunk-ms")
    if options.waits and options.kind == "sendAudio":
        print("note: sendAudio has a reply only if it is refused", file=sys.stderr)
    with launch() as endpoints:
        result = uvloop.run(measure(endpoints, options))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
