"""Devices of a user: they register, speak to each other, and catch up; a bus outside joins in; and
each minute those that have gone without a word are found.
"""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.http import Raw, http_handler
from shared.entrypoints.schedule import schedule_handler
from shared.entrypoints.websocket import message_handler
from shared.protocol.device_messages import GetSyncSnapshot, RegisterDevice, Sync
from shared.utils.validators import validate_control_message_size
from shared.wiring.devices import DeviceApp


def build(app: DeviceApp) -> Any:
    """The handler over the given parts. An event of the WebSocket API names a connection, one of
    the HTTP API a route; what is neither comes from the rule of every minute.
    """
    noting = app.connection_service.noting
    asked = message_handler(
        {
            RegisterDevice: noting(app.device_registry.register_device),
            GetSyncSnapshot: noting(app.sync_snapshots.get_sync_snapshot),
            Sync: noting(app.sync_service.sync),
        },
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    posted = http_handler(
        {"POST /sync/messages": Raw(app.sync_bus.receive)}, telemetry=app.telemetry
    )
    scheduled = schedule_handler(
        {"presence": [app.device_presence.run]}, clock=app.clock, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any] | None:
        if "routeKey" in event:
            return posted(event, context)
        if "requestContext" in event:
            return asked(event, context)
        return scheduled(event, context)

    return handler


lambda_handler = build(DeviceApp(os.environ))
