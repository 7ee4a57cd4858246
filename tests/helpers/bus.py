"""External message bus: signs requests as documented, with other code than the service's."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac

Event = dict[str, Any]


def signed_headers(secret: str, body: bytes, seconds: int) -> dict[str, str]:
    """Headers with the signature that `openssl dgst -sha256 -hmac SECRET` computes."""
    digest = hmac.HMAC(secret.encode(), hashes.SHA256())
    digest.update(b"%d." % seconds + body)
    return {
        "X-Lingocast-Timestamp": str(seconds),
        "X-Lingocast-Signature": f"v1={digest.finalize().hex()}",
    }


def watchlist(user: str, content_id: str, timestamp: int, **more: Any) -> Event:
    """Envelope that adds an item to a user's watchlist."""
    message = {
        "type": "WATCHLIST_UPDATE",
        "operation": "add",
        "contentId": content_id,
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": {**message, **more}}


def progress(user: str, content_id: str, timestamp: int, position: float = 5.5) -> Event:
    """Envelope that reports a user's playback position, in seconds."""
    message = {
        "type": "PROGRESS_UPDATE",
        "contentId": content_id,
        "positionSeconds": position,
        "durationSeconds": 60,
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": message}


def command(user: str, command_id: str, target: str, timestamp: int, **more: Any) -> Event:
    """Envelope that pauses one of a user's devices."""
    message = {
        "type": "DEVICE_COMMAND",
        "commandId": command_id,
        "targetDeviceId": target,
        "command": "pause",
        "timestamp": timestamp,
    }
    return {"channel": f"user.{user}", "message": {**message, **more}}


def webhook_event(
    body: bytes, headers: dict[str, str], now_ms: int, *, encoded: bool = False
) -> Event:
    """API Gateway event of a POST to /sync/messages."""
    route = "POST /sync/messages"
    return {
        "version": "2.0",
        "routeKey": route,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"timeEpoch": now_ms, "routeKey": route},
        "isBase64Encoded": encoded,
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
    }


def encode(envelope: object) -> bytes:
    """Encode an envelope as a request body."""
    return json.dumps(envelope).encode()
