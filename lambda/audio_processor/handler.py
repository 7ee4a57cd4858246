"""sendAudio: the route without a response; errors are pushed to the sender."""

import os

from shared.bootstrap import App
from shared.models.messages import SendAudio
from shared.utils.route import LambdaHandler, message_handler
from shared.utils.validators import validate_audio_message_size


def build(app: App) -> LambdaHandler:
    """The handler over the given parts."""
    return message_handler(
        {SendAudio: app.audio_service.send_audio},
        check_size=validate_audio_message_size,
        telemetry=app.telemetry,
        push_error=app.push_error,
    )


lambda_handler = build(App(os.environ))
