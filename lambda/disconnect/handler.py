"""$disconnect: forget the connection and give up its seat, and the device that it was. Best effort,
so also done elsewhere: whoever finds a connection over says so in an event of its own.
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
    """The handler over the given parts. API Gateway's events have a context, the others an id."""
    departures, devices = app.departures, app.device_registry

    def over(caller: Caller) -> None:
        try:
            departures.remove(caller.connection_id)
        finally:
            devices.leave(caller)

    told = lifecycle_handler(over, telemetry=app.telemetry)
    found = event_handler(
        ClosedConnection,
        lambda closed: departures.remove(closed.connection_id),
        telemetry=app.telemetry,
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        return (told if "requestContext" in event else found)(event, context)

    return handler


lambda_handler = build(DeviceApp(os.environ))
