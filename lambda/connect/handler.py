"""$connect: remember the connection. What is written here is all that later routes may change."""

import os

from shared.entrypoints.websocket import LambdaHandler, lifecycle_handler
from shared.wiring.app import App


def build(app: App) -> LambdaHandler:
    """The handler over the given parts."""
    register = app.handshake_delays.delaying(app.connection_service.register)
    return lifecycle_handler(register, telemetry=app.telemetry)


lambda_handler = build(App(os.environ))
