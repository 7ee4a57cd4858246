"""Who listens: for a speaker who asks, for all speakers every half minute, and after changes."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.invocation import InvocationHandler, tick_handler
from shared.entrypoints.queue import batch_handler
from shared.entrypoints.websocket import message_handler
from shared.models.timers import StatusDue, StatusTick
from shared.protocol.messages import GetSessionStatus
from shared.utils.validators import validate_control_message_size
from shared.wiring.app import App


def build(app: App) -> InvocationHandler:
    """The handler over the given parts. API Gateway's events have a request's context and a
    queue's have records; what is neither comes from the rule that rings every minute.
    """
    asked = message_handler(
        {GetSessionStatus: app.status_service.get_session_status},
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    ticked = tick_handler(app.status_updates.tell_everyone, telemetry=app.telemetry)
    rung = batch_handler(StatusDue | StatusTick, app.status_updates.ring, telemetry=app.telemetry)

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "requestContext" in event:
            return asked(event, context)
        if "Records" in event:
            return rung(dict(event), context)
        return ticked(event, context)

    return handler


lambda_handler = build(App(os.environ))
