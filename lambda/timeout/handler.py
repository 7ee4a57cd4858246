"""Invoked by timers that ring: what was to happen later happens now, if it still matters."""

import os

from shared.bootstrap import App
from shared.models.timers import GraceOver
from shared.utils.queue_batch import BatchHandler, batch_handler


def build(app: App) -> BatchHandler:
    """The handler over the given parts."""
    return batch_handler(GraceOver, app.speaker_grace.finish, telemetry=app.telemetry)


lambda_handler = build(App(os.environ))
