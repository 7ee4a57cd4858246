"""Reads API Gateway's WebSocket events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.models.connection import Caller

Event = Mapping[str, Any]

#: The authorizer's context for a handshake with neither token nor ticket.
LISTEN_ONLY_KEY, LISTEN_ONLY = "sends", "never"


def caller_of(event: Event) -> Caller:
    """The sender of the event. Values of the authorizer's context are strings."""
    context = event["requestContext"]
    authorized = context.get("authorizer") or {}
    token_expires_at = authorized.get("tokenExpiresAt")
    return Caller(
        connection_id=context["connectionId"],
        user_id=authorized.get("userId") or None,
        groups=frozenset(filter(None, authorized.get("groups", "").split(","))),
        received_at=context["requestTimeEpoch"],
        connected_at=context["connectedAt"],
        client_id=authorized.get("clientId") or None,
        token_expires_at=int(token_expires_at) if token_expires_at else None,
        listen_only=authorized.get(LISTEN_ONLY_KEY) == LISTEN_ONLY,
        address=(context.get("identity") or {}).get("sourceIp") or None,
    )
