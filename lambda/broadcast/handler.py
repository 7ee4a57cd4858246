"""Invoked by whoever has audio to send, and by a fan-out that is too large for one function."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.invocation import InvocationHandler, invocation_handler
from shared.models.shard import ShardRequest
from shared.services.audio.broadcast_service import BroadcastRequest
from shared.wiring.audio import AudioApp


def build(app: AudioApp) -> InvocationHandler:
    """The handler over the given parts. With connection ids the audience is known, without them
    the session and the language say to whom.
    """
    broadcast = invocation_handler(
        BroadcastRequest, app.broadcast_service.broadcast, telemetry=app.telemetry
    )
    shard = invocation_handler(ShardRequest, app.shard_service.send, telemetry=app.telemetry)

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        return (shard if "connectionIds" in event else broadcast)(event, context)

    return handler


lambda_handler = build(AudioApp(os.environ))
