"""Session status on request, every half minute, and after changes of the audience."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.invocation import InvocationHandler, tick_handler
from shared.entrypoints.queue import batch_handler
from shared.entrypoints.websocket import message_handler
from shared.models.timers import StatusDue, StatusTick
from shared.protocol.messages import GetSessionStatus
from shared.utils.validators import validate_control_message_size
from shared.wiring.status import StatusApp


def build(app: StatusApp) -> InvocationHandler:
    """Build the handler.

    API Gateway's events have a request context, queue events have records,
    and all others come from the rule that fires every minute.
    """
    from_websocket = message_handler(
        {GetSessionStatus: app.status_service.get_session_status},
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    from_rule = tick_handler(app.status_updates.send_periodic, telemetry=app.telemetry)
    from_queue = batch_handler(
        StatusDue | StatusTick, app.status_updates.on_timer, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "requestContext" in event:
            return from_websocket(event, context)
        if "Records" in event:
            return from_queue(event, context)
        return from_rule(event, context)

    return handler


lambda_handler = build(StatusApp(os.environ))
