"""Invoked by whoever has audio to send: the session and the language say to whom."""

import os

from shared.bootstrap import App
from shared.services.broadcast_service import BroadcastRequest
from shared.utils.invocation import InvocationHandler, invocation_handler


def build(app: App) -> InvocationHandler:
    """The handler over the given parts."""
    return invocation_handler(
        BroadcastRequest, app.broadcast_service.broadcast, telemetry=app.telemetry
    )


lambda_handler = build(App(os.environ))
