"""The message bus outside: signs as its documentation says, by other means than the service's."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac

Event = dict[str, Any]


def signed_headers(secret: str, body: bytes, seconds: int) -> dict[str, str]:
    """What openssl would make of it: `openssl dgst -sha256 -hmac SECRET`."""
    digest = hmac.HMAC(secret.encode(), hashes.SHA256())
    digest.update(b"%d." % seconds + body)
    return {
        "X-Lingocast-Timestamp": str(seconds),
        "X-Lingocast-Signature": f"v1={digest.finalize().hex()}",
    }


def watchlist(user: str, content_id: str, timestamp: int, **more: Any) -> Event:
    """An envelope that puts a content on somebody's watchlist."""
    message = {
        "type": "WATCHLIST_UPDATE",
        "operation": "add",
        "contentId": content_id,
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": {**message, **more}}


def progress(user: str, content_id: str, timestamp: int, position: float = 5.5) -> Event:
    """An envelope that says how far somebody has watched."""
    message = {
        "type": "PROGRESS_UPDATE",
        "contentId": content_id,
        "positionSeconds": position,
        "durationSeconds": 60,
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": message}


def command(user: str, command_id: str, target: str, timestamp: int, **more: Any) -> Event:
    """An envelope that has one of somebody's devices pause."""
    message = {
        "type": "DEVICE_COMMAND",
        "commandId": command_id,
        "targetDeviceId": target,
        "command": "pause",
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": {**message, **more}}


def posted(body: bytes, headers: dict[str, str], now_ms: int, *, encoded: bool = False) -> Event:
    """The event that API Gateway makes of a request to /sync/messages."""
    route = "POST /sync/messages"
    return {
        "version": "2.0",
        "routeKey": route,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"timeEpoch": now_ms, "routeKey": route},
        "isBase64Encoded": encoded,
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
    }


def as_body(envelope: object) -> bytes:
    """An envelope as it is sent."""
    return json.dumps(envelope).encode()
