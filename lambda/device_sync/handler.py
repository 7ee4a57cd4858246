"""Device sync: WebSocket requests, the webhook, and a presence check each minute."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.http import SignedRoute, http_handler
from shared.entrypoints.schedule import schedule_handler
from shared.entrypoints.websocket import message_handler
from shared.protocol.device_messages import GetSyncSnapshot, RegisterDevice, Sync
from shared.utils.validators import validate_control_message_size
from shared.wiring.devices import DeviceApp


def build(app: DeviceApp) -> Any:
    """Build the handler.

    HTTP events name their route at the top level, WebSocket events have a
    request context, and all others come from the schedule.
    """
    tracking_activity = app.connection_service.tracking_activity
    from_websocket = message_handler(
        {
            RegisterDevice: tracking_activity(app.device_registry.register_device),
            GetSyncSnapshot: tracking_activity(app.sync_snapshots.get_sync_snapshot),
            Sync: tracking_activity(app.sync_service.sync),
        },
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    from_webhook = http_handler(
        {"POST /sync/messages": SignedRoute(app.sync_webhook.receive)}, telemetry=app.telemetry
    )
    from_schedule = schedule_handler(
        {"presence": [app.presence_check.run]}, clock=app.clock, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any] | None:
        if "routeKey" in event:
            return from_webhook(event, context)
        if "requestContext" in event:
            return from_websocket(event, context)
        return from_schedule(event, context)

    return handler


lambda_handler = build(DeviceApp(os.environ))
