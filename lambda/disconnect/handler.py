"""$disconnect: forget the connection and give up its seat. Best effort, so also done elsewhere."""

import os

from shared.bootstrap import App
from shared.utils.route import LambdaHandler, lifecycle_handler


def build(app: App) -> LambdaHandler:
    """The handler over the given parts."""
    departures = app.departures
    return lifecycle_handler(
        lambda caller: departures.remove(caller.connection_id), telemetry=app.telemetry
    )


lambda_handler = build(App(os.environ))
