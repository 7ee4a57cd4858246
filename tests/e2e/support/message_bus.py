"""The external message bus, over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from urllib.error import HTTPError

from local.endpoints import Endpoints
from tests.helpers.bus import encode, signed_headers
from tests.helpers.wire import PATIENCE_SECONDS, Message

#: The secret of local stacks (docs/operations.md, Secrets).
SECRET = "local-sync-secret"


async def send(endpoints: Endpoints, envelope: object) -> tuple[int, Message]:
    """Sign an envelope now and post it; returns status and response."""
    body = encode(envelope)
    return await post(endpoints, body, signed_headers(SECRET, body, int(time.time())))


async def post(endpoints: Endpoints, body: bytes, headers: dict[str, str]) -> tuple[int, Message]:
    """Post these bytes with these headers; returns status and response."""
    request = urllib.request.Request(
        f"{endpoints.http_url}/sync/messages",
        body,
        {"Content-Type": "application/json", **headers},
        method="POST",
    )
    return await asyncio.to_thread(_fetch, request)


def _fetch(request: urllib.request.Request) -> tuple[int, Message]:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refusal:
        return refusal.code, json.load(refusal)
