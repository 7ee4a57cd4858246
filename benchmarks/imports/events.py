"""Events of first invocations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_WEBSOCKET: dict[str, Any] = {
    "connectionId": "L0SM9cOFvHcCJhw=",
    "requestTimeEpoch": 1_800_000_000_000,
    "connectedAt": 1_800_000_000_000,
    "eventType": "MESSAGE",
    "authorizer": {"userId": "alice", "groups": "speakers"},
}


def _message(action: str, **more: object) -> dict[str, Any]:
    context = {**_WEBSOCKET, "routeKey": action}
    return {"requestContext": context, "body": json.dumps({"action": action, **more})}


#: An event for each function but the interpreter, whose invocation is a whole session.
EVENTS: Mapping[str, dict[str, Any]] = {
    "authorizer": {"queryStringParameters": {}, "methodArn": "arn"},
    "connect": {"requestContext": {**_WEBSOCKET, "routeKey": "$connect"}},
    "disconnect": {"requestContext": {**_WEBSOCKET, "routeKey": "$disconnect"}},
    "control": _message("heartbeat"),
    "audio_processor": _message(
        "sendAudio", sessionId="calm-otter-001", seq=1, timestamp=1, audio="AAAA"
    ),
    "broadcast": {"connectionIds": ["L0SM9cOFvHcCJhw="], "message": "{}", "deadlineAt": 2**42},
    "timeout": {},
    "session_status": _message("getSessionStatus", sessionId="calm-otter-001"),
    "device_sync": _message("getSyncSnapshot"),
    "announcements": _message("getActiveAnnouncement"),
}
