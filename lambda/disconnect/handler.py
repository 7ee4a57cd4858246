"""$disconnect: remove the connection, its seat and its device.

API Gateway sends $disconnect on a best-effort basis, so functions that find a connection closed
invoke this one too, with an event of their own.
"""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.invocation import InvocationHandler, event_handler
from shared.entrypoints.websocket import lifecycle_handler
from shared.models.closing import ClosedConnection
from shared.models.connection import Caller
from shared.wiring.devices import DeviceApp


def build(app: DeviceApp) -> InvocationHandler:
    """Build the handler.

    Events of API Gateway have a request context, others a connection ID.
    """
    leave_service, devices = app.leave_service, app.device_registry

    def disconnect(caller: Caller) -> None:
        try:
            leave_service.remove(caller.connection_id)
        finally:
            devices.leave(caller)

    from_gateway = lifecycle_handler(disconnect, telemetry=app.telemetry)
    from_function = event_handler(
        ClosedConnection,
        lambda closed: leave_service.remove(closed.connection_id),
        telemetry=app.telemetry,
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        return (from_gateway if "requestContext" in event else from_function)(event, context)

    return handler


lambda_handler = build(DeviceApp(os.environ))
