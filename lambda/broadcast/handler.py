"""Broadcasts audio on request, and serves one shard of a large fan-out."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.invocation import InvocationHandler, invocation_handler
from shared.models.shard import ShardRequest
from shared.services.audio.broadcast_service import BroadcastInvocation
from shared.wiring.audio import AudioApp


def build(app: AudioApp) -> InvocationHandler:
    """Build the handler.

    Shards list connection IDs; broadcasts name a session and a language.
    """
    broadcast = invocation_handler(
        BroadcastInvocation, app.broadcast_service.broadcast, telemetry=app.telemetry
    )
    shard = invocation_handler(ShardRequest, app.shard_service.send, telemetry=app.telemetry)

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        return (shard if "connectionIds" in event else broadcast)(event, context)

    return handler


lambda_handler = build(AudioApp(os.environ))
