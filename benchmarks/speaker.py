"""Speaker of a benchmark: opens a session and streams chunks in real time."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.request

from websockets.asyncio.client import ClientConnection

from local.endpoints import Endpoints

SAMPLE_RATE_HZ = 16_000
# Chunks before database requests are counted: caches fill, workers start.
WARM_UP_CHUNKS = 10


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


async def create_session(speaker: ClientConnection, chunk_ms: int) -> str:
    """Open a session; returns its ID."""
    request = {
        "action": "createSession",
        "sourceLanguage": "en",
        "audioFormat": {"chunkMs": chunk_ms},
    }
    await speaker.send(json.dumps(request))
    session_id: str = json.loads(await speaker.recv())["sessionId"]
    return session_id


def chunk_of(seq: int, chunk_ms: int) -> bytes:
    """Audio of a chunk: different for neighbouring numbers."""
    size = SAMPLE_RATE_HZ * chunk_ms // 1000 * 2
    return (bytes((seq + offset) % 251 for offset in range(256)) * (size // 256 + 1))[:size]


async def speak(
    speaker: ClientConnection,
    chunks: int,
    chunk_ms: int,
    endpoints: Endpoints,
    first_seq: int = 0,
) -> tuple[bytes, float]:
    """Stream in real time; return the last chunk, and DynamoDB requests per chunk after warm-up."""
    start = time.time() + chunk_ms / 1000
    before = 0
    audio = b""
    for number in range(chunks):
        audio = chunk_of(first_seq + number, chunk_ms)
        captured_at = start + number * chunk_ms / 1000
        await asyncio.sleep(captured_at + chunk_ms / 1000 - time.time())
        if number == WARM_UP_CHUNKS:
            before = await asyncio.to_thread(database_requests, endpoints)
        await speaker.send(
            json.dumps(
                {
                    "action": "sendAudio",
                    "seq": first_seq + number,
                    "timestamp": round(captured_at * 1000),
                    "audio": base64.b64encode(audio).decode(),
                }
            )
        )
    await asyncio.sleep(chunk_ms / 1000)
    after = await asyncio.to_thread(database_requests, endpoints)
    return audio, (after - before) / max(1, chunks - WARM_UP_CHUNKS)
