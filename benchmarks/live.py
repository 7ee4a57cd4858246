"""Latency over the whole local path: speaker, gateway, functions, DynamoDB, fan-out, listeners.

    python -m benchmarks.live --listeners 500 --seconds 20 --chunk-ms 200

Stack and clients share the machine's cores. Latency is receipt - capture - chunk duration; a chunk
is late if it arrives after a fixed playout delay. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import time
import urllib.request
from dataclasses import dataclass, field

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import percentile
from benchmarks.frame_listener import FrameListener
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

SAMPLE_RATE_HZ = 16_000
JOINS_AT_ONCE = 32
# Chunks before database requests are counted: caches fill, workers start.
WARM_UP_CHUNKS = 10


@dataclass
class Tally:
    """Chunks received by all listeners."""

    latencies_ms: list[float] = field(default_factory=list)
    duplicates: int = 0
    received: set[tuple[int, int]] = field(default_factory=set)

    def add(self, listener: int, seq: int, latency_ms: float) -> None:
        """Count a chunk received by a listener."""
        if (listener, seq) in self.received:
            self.duplicates += 1
            return
        self.received.add((listener, seq))
        self.latencies_ms.append(latency_ms)

    def percentile(self, share: float) -> float:
        """Latency that `share` of the chunks do not exceed, in ms."""
        return round(percentile(self.latencies_ms, share), 1)


def log(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def database_requests(endpoints: Endpoints) -> int:
    """Number of DynamoDB requests since the start."""
    with urllib.request.urlopen(f"{endpoints.dynamodb_url}/_requests", timeout=5) as answer:
        return sum(json.load(answer).values())


def speaker_token(endpoints: Endpoints) -> str:
    """Fetch a token for the speaker."""
    body = json.dumps({"sub": "bench", "groups": ["speakers"]}).encode()
    assert endpoints.token_url is not None
    with urllib.request.urlopen(endpoints.token_url, body, timeout=5) as answer:
        token: str = json.load(answer)["token"]
        return token


async def join_all(
    endpoints: Endpoints, session_id: str, count: int, chunk_ms: int, tally: Tally
) -> list[FrameListener]:
    """Join `count` listeners of the floor, a few at a time."""
    gate = asyncio.Semaphore(JOINS_AT_ONCE)

    async def join(number: int) -> FrameListener:
        def on_chunk(seq: int, timestamp: int, received_at: float) -> None:
            tally.add(number, seq, received_at - timestamp - chunk_ms)

        async with gate:
            join = {"sessionId": session_id, "targetLanguage": "en"}
            listener = FrameListener(endpoints.websocket_url, join, on_chunk)
            await listener.open()
            return listener

    return list(await asyncio.gather(*(join(number) for number in range(count))))


async def speak(
    speaker: ClientConnection, chunks: int, chunk_ms: int, endpoints: Endpoints
) -> tuple[bytes, float]:
    """Stream in real time; return the last chunk, and DynamoDB requests per chunk after warm-up."""
    size = SAMPLE_RATE_HZ * chunk_ms // 1000 * 2
    start = time.time() + chunk_ms / 1000
    before = 0
    audio = b""
    for seq in range(chunks):
        audio = bytes((seq + offset) % 251 for offset in range(256)) * (size // 256 + 1)
        audio = audio[:size]
        captured_at = start + seq * chunk_ms / 1000
        await asyncio.sleep(captured_at + chunk_ms / 1000 - time.time())
        if seq == WARM_UP_CHUNKS:
            before = await asyncio.to_thread(database_requests, endpoints)
        await speaker.send(
            json.dumps(
                {
                    "action": "sendAudio",
                    "seq": seq,
                    "timestamp": round(captured_at * 1000),
                    "audio": base64.b64encode(audio).decode(),
                }
            )
        )
    await asyncio.sleep(chunk_ms / 1000)
    after = await asyncio.to_thread(database_requests, endpoints)
    return audio, (after - before) / max(1, chunks - WARM_UP_CHUNKS)


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Run once against a running stack."""
    chunks = options.seconds * 1000 // options.chunk_ms
    tally = Tally()
    url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
    async with connect(url, compression=None, max_queue=None) as speaker:
        await speaker.send(
            json.dumps(
                {
                    "action": "createSession",
                    "sourceLanguage": "en",
                    "audioFormat": {"chunkMs": options.chunk_ms},
                }
            )
        )
        session_id = json.loads(await speaker.recv())["sessionId"]
        log(f"{options.listeners} listeners join {session_id}")
        started_at = time.monotonic()
        listeners = await join_all(
            endpoints, session_id, options.listeners, options.chunk_ms, tally
        )
        joining_s = time.monotonic() - started_at
        log(f"all joined in {joining_s:.1f} s; {chunks} chunks of {options.chunk_ms} ms follow")
        last, requests_per_chunk = await speak(speaker, chunks, options.chunk_ms, endpoints)
        expected = chunks * options.listeners
        deadline = time.monotonic() + 5
        while len(tally.received) < expected and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # an event per chunk would distort the measurement
        intact = all(
            listener.sample is not None
            and base64.b64decode(json.loads(listener.sample)["audio"]) == last
            for listener in listeners[:10]
        )
        for listener in listeners:
            listener.close()
    return {
        "listeners": options.listeners,
        "seconds": options.seconds,
        "chunk_ms": options.chunk_ms,
        "expected": expected,
        "delivered": len(tally.received),
        "missing": expected - len(tally.received),
        "late": sum(1 for latency in tally.latencies_ms if latency > options.playout_ms),
        "duplicates": tally.duplicates,
        "last_chunk_intact": intact,
        "p50_ms": tally.percentile(0.50),
        "p95_ms": tally.percentile(0.95),
        "p99_ms": tally.percentile(0.99),
        "max_ms": round(max(tally.latencies_ms, default=float("nan")), 1),
        "dynamodb_requests_per_chunk": round(requests_per_chunk, 2),
        "joins_per_s": round(options.listeners / joining_s, 1),
    }


def main() -> None:
    """Start a stack, measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20, help="seconds of audio (3 to 300)")
    parser.add_argument("--chunk-ms", type=int, default=200, help="100 to 750")
    parser.add_argument(
        "--playout-ms", type=int, default=400, help="latency from which a chunk is late"
    )
    options = parser.parse_args()
    if not (1 <= options.listeners <= 5_000 and 3 <= options.seconds <= 300):
        parser.error("use 1 to 5000 --listeners and 3 to 300 --seconds")
    if not 100 <= options.chunk_ms <= 750:
        parser.error("use 100 to 750 --chunk-ms")
    log("starting the local stack (signatures of @connections are not verified under load)")
    with launch(verify_signatures=False, extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure(endpoints, options))
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
