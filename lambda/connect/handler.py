"""$connect: register the connection. No other route creates its row."""

import os

from shared.entrypoints.websocket import LambdaHandler, lifecycle_handler
from shared.wiring.app import App


def build(app: App) -> LambdaHandler:
    """Build the handler."""
    register = app.handshake_delays.delaying(app.connection_service.register)
    return lifecycle_handler(register, telemetry=app.telemetry)


lambda_handler = build(App(os.environ))
